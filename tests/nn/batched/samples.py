"""Small networks in integers and in numbers, for the tests of batched runs."""

from __future__ import annotations

import numpy as np
from scipy import sparse

import nn
from nn.batched.quantize import InputRounding, IntegerAffine, QuantizedNetwork, Square
from tests.nn.networks import Builder

REASON = "unit test"
N = 512


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
        affine(5, inputs, 0.5), Square(), affine(3, 5, 1), Square(), affine(2, 3, 1)
    )
    return QuantizedNetwork(steps, InputRounding((inputs,), 7.0, 0, 7), 1.0)


def narrowing(seed: int = 1) -> Builder:
    """Two convolutions and two linear layers, each with fewer outputs than inputs, squares."""
    builder = Builder((2, 6, 6), seed)
    builder.conv(4, 3, 2, 1)
    builder.polynomial(2, shared=True)
    builder.linear(7)
    builder.polynomial(2, shared=False)
    builder.linear(3)
    return builder


def widening(seed: int = 2) -> Builder:
    """A square whose linear layer has more outputs than inputs, and a square at the end."""
    builder = Builder((5,), seed)
    builder.linear(4)
    builder.polynomial(2, shared=True)
    builder.linear(9)
    builder.add(nn.Polynomial([0, 0, 1]))
    return builder


def linear_only(seed: int = 3) -> Builder:
    """No product at all."""
    builder = Builder((5,), seed)
    builder.linear(4)
    return builder


def squares(seed: int = 4) -> Builder:
    """Two squares in a row."""
    builder = Builder((3,), seed)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.add(nn.Polynomial([0, 0, 1]))
    return builder


SHAPES = [narrowing, widening, linear_only, squares]


def compiled(make, **options):
    builder = make()
    rng = np.random.default_rng(5)
    low, high = 0.0, 1.0
    network = nn.Network(make.__name__, builder.input_shape, tuple(builder.nodes))
    images = rng.uniform(low, high, (60, *builder.input_shape))
    network = network.calibrated(images)
    options = {"N": N, "insecure_reason": REASON, "precision_bits": 2} | options
    return network, nn.compile(network, layout="batched", **options), images


def cleartext(network, images):
    return network(images).reshape(len(images), -1)
