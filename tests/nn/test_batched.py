"""Exact integer inference: the encrypted integers equal the quantised network's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from he.errors import InsecureParametersError
from nn import zoo
from nn.batched import BatchedClient, BatchedServer, plan_batched
from nn.errors import ShapeError, UnsupportedLayerError
from nn.quantize import (
    IntegerAffine,
    IntegerSquare,
    QuantizedNetwork,
    quantize,
    recombine,
)


def slow(network, images):
    """The steps on Python integers, one image at a time."""
    answers = []
    for image in network.round_input(images):
        values = [int(v) for v in image]
        for step in network.steps:
            if isinstance(step, IntegerSquare):
                values = [v * v for v in values]
                continue
            dense = step.matrix.toarray()
            values = [
                sum(int(w) * v for w, v in zip(row, values, strict=True)) + b
                for row, b in zip(dense, step.bias, strict=True)
            ]
        answers.append(values)
    return answers


def small_network(weight=9, inputs=6, seed=1):
    """Six inputs, a sparse map to 5, a square, a dense map to 3, a square, a map to 2."""
    rng = np.random.default_rng(seed)

    def affine(rows, columns, density):
        dense = rng.integers(-weight, weight + 1, (rows, columns))
        dense[rng.random((rows, columns)) > density] = 0
        dense[0] = 0  # an output that reads nothing but its bias
        bias = tuple(int(b) for b in rng.integers(-100, 100, rows))
        return IntegerAffine(sparse.csr_array(dense.astype(np.int64)), bias)

    steps = (
        affine(5, inputs, 0.5), IntegerSquare(), affine(3, 5, 1), IntegerSquare(), affine(2, 3, 1)
    )
    return QuantizedNetwork(steps, (inputs,), 7.0, 0, 7, 1.0)


@pytest.fixture(scope="module")
def run():
    network = small_network()
    plan = plan_batched(network)
    client = BatchedClient(plan)
    server = BatchedServer(plan, client.evaluation_keys())
    images = np.random.default_rng(2).random((40, 6))
    return network, plan, client, server, images


def test_run__encrypted_integers_are_exact(run):
    network, _, client, server, images = run
    answers = server.run(client.encrypt(images))
    assert client.decrypt(answers).tolist() == slow(network, images)
    assert all(answer.noise.budget >= 0 for answer in answers)


def test_run__again_and_in_another_number_of_images(run):
    network, _, client, server, images = run
    server.prepare()
    for count in (1, 7):
        answers = server.run(client.encrypt(images[:count]))
        assert client.decrypt(answers).tolist() == slow(network, images[:count])


def test_plan__moduli_exceed_every_value_and_parameters_are_secure(run):
    network, plan, *_ = run
    assert math.prod(params.t for params in plan.params) > 2 * network.max_abs
    assert all(params.security_estimate >= 128 for params in plan.params)
    assert len({params.N for params in plan.params}) == 1


def test_integers__equal_the_slow_evaluation_and_stay_within_the_bound():
    network = small_network(weight=100)
    images = np.random.default_rng(3).random((20, 6))
    exact = network.integers(images)
    assert exact.tolist() == slow(network, images)
    assert max(abs(v) for v in exact.ravel()) <= network.max_abs


def test_bounds__are_reached():
    matrix = sparse.csr_array(np.array([[2, -3], [0, 5]], dtype=np.int64))
    affine = IntegerAffine(matrix, (1, -1))
    assert affine.bounds([0, 0], [7, 7]) == ([-20, -1], [15, 34])
    network = QuantizedNetwork((affine, IntegerSquare()), (2,), 7.0, 0, 7, 1.0)
    assert network.max_abs == 34**2


def test_recombine__centred():
    moduli = (97, 101)
    values = [-4898, -1, 0, 1, 4897]
    residues = [np.array([v % t for v in values]) for t in moduli]
    assert recombine(residues, moduli).tolist() == values


def test_refusals__say_what_is_needed(run):
    network, plan, client, _, _ = run
    with pytest.raises(ShapeError, match="slots"):
        client.encrypt(np.zeros((plan.images + 1, 6)))
    with pytest.raises(ShapeError, match="needed"):
        network.round_input(np.zeros((3, 5)))
    with pytest.raises(InsecureParametersError):
        plan_batched(replace(network, steps=network.steps + (IntegerSquare(),) * 6))


def test_quantize__mnist_keeps_its_accuracy():
    network = zoo.load("mnist")
    images, labels = zoo.test_images("mnist")
    images, labels = images[:1000], labels[:1000]
    quantized = quantize(network, input_bits=3, weight_bits=5)
    logits = quantized(images)
    assert (logits.argmax(axis=1) == labels).mean() >= 0.985
    assert plan_batched(quantized).images == 8192


def test_quantize__refuses_what_is_no_chain_of_squares():
    from nn import Network, Node
    from nn.activation import Polynomial

    cubic = Network(
        "cubic", (1, 4, 4), (Node("act", Polynomial([0.0, 1.0, 0.5, 0.25]), ("input",)),)
    )
    with pytest.raises(UnsupportedLayerError, match="no exact integer form"):
        quantize(cubic)
