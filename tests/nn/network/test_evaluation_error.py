"""The rounding bound against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import UnsupportedLayerError
from nn.network.activation import Polynomial
from nn.network.evaluation_error import FLOAT32_ROUNDOFF, rounding_bound
from nn.network.graph import Network, Node
from nn.network.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
)


def small_network(rng: np.random.Generator) -> Network:
    """One of each layer; the BatchNorm has an exactly representable scale."""
    layers: list[tuple[str, Layer, tuple[str, ...]]] = [
        ("conv", Conv2d(rng.normal(size=(2, 1, 2, 2)), rng.normal(size=2)), ("input",)),
        ("act", Polynomial(rng.normal(size=(2, 4))), ("conv",)),
        ("norm", BatchNorm(*rng.normal(size=(1, 2)), [4.0, 1.0], *rng.normal(size=(2, 2)), 0.0),
         ("act",)),
        ("add", Add(), ("norm", "conv")),
        ("pool", AvgPool2d((2, 2), (1, 1), (1, 0)), ("add",)),
        ("flat", Flatten(), ("pool",)),
        ("fc", Linear(rng.normal(size=(3, 16)), rng.normal(size=3)), ("flat",)),
    ]  # fmt: skip
    return Network("small", (1, 4, 4), tuple(Node(*layer) for layer in layers), (-9.0, 9.0))


def exact(network: Network, image: FloatArray) -> list[Fraction]:
    """The outputs for one image, with no rounding anywhere."""
    to_fractions = np.vectorize(Fraction, otypes=[object])
    norm, flat = network.node("norm").layer, network.node("fc").layer
    conv, act = network.node("conv").layer, network.node("act").layer
    assert isinstance(conv, Conv2d)
    assert isinstance(act, Polynomial)
    assert isinstance(norm, BatchNorm)
    assert isinstance(flat, Linear)
    pixels = to_fractions(image[0])
    weight, bias = to_fractions(conv.weight), to_fractions(conv.bias)
    convolved = np.empty((2, 3, 3), dtype=object)
    for c, y, x in np.ndindex(convolved.shape):
        convolved[c, y, x] = bias[c] + (weight[c, 0] * pixels[y : y + 2, x : x + 2]).sum()
    total = np.empty_like(convolved)
    roots = [Fraction(2), Fraction(1)]
    for c, y, x in np.ndindex(convolved.shape):
        value = convolved[c, y, x]
        powered = sum(Fraction(act.coefficients[c, k]) * value**k for k in range(4))
        scale = Fraction(norm.gamma[c]) / roots[c]
        total[c, y, x] = (powered - Fraction(norm.mean[c])) * scale + Fraction(norm.beta[c]) + value
    padded = np.full((2, 5, 3), Fraction(0), dtype=object)
    padded[:, 1:4] = total
    pooled = [padded[c, y : y + 2, x : x + 2].sum() / 4 for c, y, x in np.ndindex((2, 4, 2))]
    rows = to_fractions(flat.weight)
    return [
        Fraction(flat.bias[o]) + sum(rows[o, i] * pooled[i] for i in range(16)) for o in range(3)
    ]


@given(st.integers(0, 2**32 - 1))
def test_rounding_bound__holds_against_exact_arithmetic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network, image = small_network(rng), rng.normal(size=(1, 4, 4))
    computed = network(image[None])[0]
    bounds = rounding_bound(network, image[None])[0]
    for value, truth, bound in zip(computed, exact(network, image), bounds, strict=True):
        assert abs(Fraction(value) - truth) <= Fraction(bound)


def test_rounding_bound__is_useful_and_scales_with_the_roundoff() -> None:
    rng = np.random.default_rng(3)
    network, images = small_network(rng), rng.normal(size=(5, 1, 4, 4))
    double = rounding_bound(network, images)
    single = rounding_bound(network, images, FLOAT32_ROUNDOFF)
    assert (double < 1e-10).all()
    # gamma_n = n u / (1 - n u) exceeds n u by less than 1 in 10^4 for these n, layer after layer.
    assert np.allclose(single / double, 2.0**29, rtol=1e-3)


def test_rounding_bound__refuses_unknown_layers() -> None:
    class Mystery(Layer):
        def output_shape(self, *input_shapes: Shape) -> Shape:
            return input_shapes[0]

        def forward(self, *inputs: FloatArray) -> FloatArray:
            return inputs[0]

    network = Network("m", (2,), (Node("m", Mystery(), ("input",)),))
    with pytest.raises(UnsupportedLayerError, match="Mystery"):
        rounding_bound(network, np.ones((1, 2)))
