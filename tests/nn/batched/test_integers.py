"""Exact integer inference: the encrypted integers equal the quantised network's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import he
import nn
from he.bfv import Evaluator
from nn import BatchedClient, BatchedServer, zoo
from nn.batched.integer_planner import plan_integers
from nn.batched.integers import predicted_noise
from nn.batched.quantize import InputRounding, IntegerAffine, QuantizedNetwork, Square
from nn.batched.schedule import scheduled
from nn.errors import InputRangeError, NetworkError, ShapeError
from nn.inference.options import PlanOptions
from ntt import find_primes
from tests.nn.batched.samples import small_network


def slow(network, images):
    """The steps on Python integers, one image at a time."""
    answers = []
    for image in network.inputs(images):
        values = [int(v) for v in image]
        for step in network.steps:
            if isinstance(step, Square):
                values = [v * v for v in values]
                continue
            dense = step.matrix.toarray()
            values = [
                sum(int(w) * v for w, v in zip(row, values, strict=True)) + b
                for row, b in zip(dense, step.bias, strict=True)
            ]
        answers.append(values)
    return answers


@pytest.fixture(scope="module")
def run():
    network = small_network()
    plan = plan_integers(network)
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    images = np.random.default_rng(2).random((40, 6))
    return network, plan, client, server, images


def test_run__encrypted_integers_are_exact(run):
    network, _, client, server, images = run
    answer = server.run(client.encrypt(images))
    assert client.integers(answer).tolist() == slow(network, images)
    assert (client.decrypt(answer) == client.integers(answer).astype(float)).all()
    assert len(answer) == 40


def test_run__again_in_other_numbers_of_images_and_threads(run):
    network, _, client, server, images = run
    for count, threads in ((1, 1), (7, 1), (40, None)):
        answer = server.run(client.encrypt(images[:count]), threads=threads)
        assert client.integers(answer).tolist() == slow(network, images[:count])


def test_run__every_slot(run):
    network, plan, client, server, _ = run
    images = np.random.default_rng(3).random((plan.images, 6))
    answer = server.run(client.encrypt(images))
    assert (client.integers(answer) == network.integers(images)).all()


def test_run__keys_as_bytes_and_a_saved_secret(run):
    network, plan, client, _, images = run
    again = BatchedClient(plan, client.secret_key_bytes())
    server = BatchedServer(plan, network, [key.to_bytes() for key in client.evaluation_keys()])
    batch = again.encrypt(images)
    answer = server.run(batch)
    assert client.integers(answer, request=batch).tolist() == slow(network, images)


def test_run__images_at_both_ends_of_the_range_reach_the_bound():
    """Weights of one sign at the largest pixels: the answer is max_abs itself, and is exact."""
    ones = sparse.csr_array(np.full((1, 4), 15, dtype=np.int64))
    steps = (IntegerAffine(ones, (3,)), Square())
    network = QuantizedNetwork(steps, InputRounding((4,), 7.0, 0, 7), 1.0)
    assert network.max_abs == (15 * 4 * 7 + 3) ** 2
    plan = plan_integers(network)
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    images = np.array([[1.0] * 4, [0.0] * 4])
    answer = client.integers(server.run(client.encrypt(images)))
    assert answer.tolist() == [[network.max_abs], [9]]


@pytest.mark.parametrize(
    "kinds",
    [(Square(),), (Square(), Square()), (Square(), "widen"), ("narrow", Square(), "widen")],
)
def test_run__circuits_of_every_shape(kinds):
    """Squares first, last and in a row, and maps with more outputs than inputs."""
    rng = np.random.default_rng(4)
    size, steps = 4, []
    for kind in kinds:
        if isinstance(kind, Square):
            steps.append(kind)
            continue
        out = size + 2 if kind == "widen" else size - 1
        matrix = sparse.csr_array(rng.integers(-3, 4, (out, size)))
        steps.append(IntegerAffine(matrix, tuple(range(out))))
        size = out
    network = QuantizedNetwork(tuple(steps), InputRounding((4,), 3.0, -3, 3), 1.0)
    plan = plan_integers(network)
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    images = rng.random((5, 4)) * 2 - 1
    answer = server.run(client.encrypt(images))
    assert client.integers(answer).tolist() == slow(network, images)


def test_plan__predicted_noise_bounds_the_measured(run):
    """Every answer has the budget that the plan predicts for it, at least."""
    network, plan, client, server, images = run
    answer = server.run(client.encrypt(images))
    for params, blocks, secret in zip(
        plan.params, answer.residues, client._secrets, strict=True
    ):
        from he.bfv import Decryptor

        evaluator, decryptor = Evaluator(params), Decryptor(params, secret)
        noise = predicted_noise(params, scheduled(network.steps))[-1]
        for level in range(params.max_level, plan.answer_level, -1):
            noise = evaluator.model.mod_switch(noise, level)
        for k in range(blocks.elements):
            ciphertext = evaluator.result(blocks.row(k), noise)
            assert decryptor.noise_budget(ciphertext) >= noise.budget >= 0


@pytest.mark.parametrize("dnum", [1, 2, 3, 4, 6])
def test_run__any_number_of_digits(dnum):
    network = small_network()
    plan = plan_integers(network, PlanOptions(dnum=dnum, N=1024, insecure_reason="unit test"))
    assert {params.dnum for params in plan.params} == {dnum}
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    images = np.random.default_rng(6).random((3, 6))
    answer = server.run(client.encrypt(images))
    assert client.integers(answer).tolist() == slow(network, images)


def test_run__plain_moduli_of_unlike_sizes_share_the_shape_of_tensors():
    network = small_network()
    moduli = (65537, *find_primes(58, 16384, 1))
    plan = plan_integers(network, PlanOptions(plain_moduli=moduli))
    assert tuple(params.t for params in plan.params) == moduli
    assert len({(params.N, len(params.q), params.dnum) for params in plan.params}) == 1
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    images = np.random.default_rng(5).random((3, 6))
    answer = server.run(client.encrypt(images))
    assert client.integers(answer).tolist() == slow(network, images)


def test_refusals__say_what_is_needed(run):
    _, plan, client, server, images = run
    with pytest.raises(ShapeError, match="slots"):
        client.encrypt(np.zeros((plan.images + 1, 6)))
    with pytest.raises(ShapeError, match="is needed"):
        client.encrypt(np.zeros((3, 5)))
    for pixel in (1.2, -0.2, np.nan, np.inf):
        with pytest.raises(InputRangeError, match="input_range"):
            client.encrypt(np.full((3, 6), pixel))
    with pytest.raises(ShapeError, match="BatchedTensor"):
        server.run(images)
    with pytest.raises(ShapeError, match="fresh images"):
        server.run(server.run(client.encrypt(images[:2])))
    with pytest.raises(NetworkError, match="packed plan"):
        nn.PackedClient(plan)
    keys = client.evaluation_keys()
    for wrong in (keys[0], keys[:-1], [*keys, keys[0]], keys[0].to_bytes(), None):
        with pytest.raises(NetworkError, match="one for each parameter set"):
            BatchedServer(plan, small_network(), wrong)
    with pytest.raises(NetworkError, match="one for each parameter set"):
        BatchedClient(plan, client.secret_key_bytes()[:0])
    with pytest.raises(he.MissingRelinearizationKeyError):
        BatchedServer(plan, small_network(), [he.EvaluationKeys(key.params) for key in keys])
    other = zoo.load("mnist")
    with pytest.raises(NetworkError, match="other weights"):
        BatchedServer(plan, other, client.evaluation_keys())


