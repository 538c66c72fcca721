"""Post-training quantisation: the integers that are computed encrypted, in the clear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from nn import Network, Node, zoo
from nn.batched.quantize import (
    InputRounding,
    IntegerAffine,
    QuantizationError,
    QuantizedNetwork,
    Square,
    quantize,
    recombine,
)
from nn.errors import ShapeError, UnsupportedLayerError
from nn.network.activation import Polynomial


def test_integers__equal_the_slow_evaluation_and_stay_within_the_bound():
    """Weights so large that several primes are needed."""
    rng = np.random.default_rng(1)
    dense = [rng.integers(-(1 << 20), 1 << 20, shape) for shape in ((5, 6), (3, 5))]
    steps = (
        IntegerAffine(sparse.csr_array(dense[0]), (1, -2, 3, -4, 5)),
        Square(),
        IntegerAffine(sparse.csr_array(dense[1]), (7, 0, -7)),
    )
    network = QuantizedNetwork(steps, InputRounding((6,), 7.0, 0, 7), 1.0)
    images = np.random.default_rng(3).random((20, 6))
    hidden = network.inputs(images).astype(object) @ dense[0].T.astype(object) + [1, -2, 3, -4, 5]
    exact = hidden**2 @ dense[1].T.astype(object) + [7, 0, -7]
    assert network.integers(images).tolist() == exact.tolist()
    assert max(abs(v) for v in exact.ravel()) <= network.max_abs


def test_bounds__are_reached():
    matrix = sparse.csr_array(np.array([[2, -3], [0, 5]], dtype=np.int64))
    affine = IntegerAffine(matrix, (1, -1))
    assert affine.bounds([0, 0], [7, 7]) == ([-20, -1], [15, 34])
    assert affine.gain == 5
    assert affine.independent_gain == 5
    network = QuantizedNetwork((affine, Square()), InputRounding((2,), 7.0, 0, 7), 1.0)
    assert network.max_abs == 34**2


def test_recombine__centred():
    moduli = (97, 101)
    values = [-4898, -1, 0, 1, 4897]
    residues = [np.array([v % t for v in values]) for t in moduli]
    assert recombine(residues, moduli).tolist() == values


def test_quantize__mnist_keeps_its_accuracy():
    images, labels = zoo.test_images("mnist")
    quantized = quantize(zoo.load("mnist"))
    assert (quantized(images[:1000]).argmax(axis=1) == labels[:1000]).mean() >= 0.985


def test_quantize__weights_and_pixels_have_the_bits_asked_for():
    network = zoo.load("mnist")
    quantized = quantize(network, input_bits=2, weight_bits=4)
    affine = [step for step in quantized.steps if isinstance(step, IntegerAffine)]
    assert [int(abs(step.matrix).max()) for step in affine] == [7, 7, 7]
    assert set(np.unique(quantized.inputs(zoo.test_images("mnist")[0][:10]))) == {0, 1, 2, 3}


def test_quantize__more_bits_come_closer_to_the_real_network():
    network = zoo.load("mnist")
    images = zoo.test_images("mnist")[0][:50]
    logits = network(images)
    errors = [
        np.abs(quantize(network, input_bits=bits, weight_bits=bits)(images) - logits).max()
        for bits in (4, 8, 14)
    ]
    assert errors[0] > 8 * errors[1] > 64 * errors[2]


def test_quantize__refuses_what_is_no_chain_of_squares():
    cubic = Network(
        "cubic", (1, 4, 4), (Node("act", Polynomial([0.0, 1.0, 0.5, 0.25]), ("input",)),)
    )
    with pytest.raises(UnsupportedLayerError, match="cannot be computed in the batched"):
        quantize(cubic)


@pytest.mark.parametrize("bits", [{"input_bits": 0}, {"weight_bits": 1}, {"weight_bits": 2.5}])
def test_quantize__refuses_bits_out_of_range(bits):
    with pytest.raises(QuantizationError, match="is needed"):
        quantize(zoo.load("mnist"), **bits)


def test_inputs__of_another_size_are_refused():
    with pytest.raises(ShapeError, match="is needed"):
        InputRounding((2, 3), 7.0, 0, 7)(np.zeros((3, 5)))
