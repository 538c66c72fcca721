"""Layers as affine maps, against the layers' own meaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import ShapeError, UnsupportedLayerError
from nn.network.activation import Polynomial
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
from nn.stages.affine import Affine, affine_from_layer, identity, is_affine

seeds = st.integers(0, 2**32 - 1)


def integers(rng: np.random.Generator, *shape: int) -> FloatArray:
    """Small integers: sums of their products are exact in float64, in any order."""
    return rng.integers(-9, 10, shape).astype(np.float64)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, Shape]:
    """A convolution of any stride, padding, groups, and an input shape it takes."""
    rng = np.random.default_rng(draw(seeds))
    groups, out, inside = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    height, width = (
        draw(st.integers(max(1, k - 2 * p), 8)) for k, p in zip(kernel, padding, strict=True)
    )
    weight = integers(rng, groups * out, inside, *kernel)
    layer = Conv2d(weight, integers(rng, groups * out), stride, padding, groups)
    return layer, (groups * inside, height, width)


def check(layer: Layer, affine: Affine, in_shape: Shape, rng: np.random.Generator) -> None:
    images = integers(rng, 3, *in_shape)
    expected = layer.forward(images)
    assert (affine.in_shape, affine.out_shape) == (in_shape, expected.shape[1:])
    np.testing.assert_array_equal(affine(images.reshape(3, -1)), expected.reshape(3, -1))


@given(convolutions(), seeds)
def test_affine_from_layer__convolution(case: tuple[Conv2d, Shape], seed: int) -> None:
    layer, in_shape = case
    affine = affine_from_layer(layer, in_shape)
    check(layer, affine, in_shape, np.random.default_rng(seed))
    assert affine.stride == layer.stride


@given(
    st.integers(1, 3),
    st.sampled_from([(1, 1), (1, 2), (2, 2), (4, 2)]),
    st.sampled_from([(1, 1), (2, 2), (2, 1), (3, 3)]),
    st.booleans(),
    seeds,
)
def test_affine_from_layer__average_pool(
    channels: int, kernel: tuple[int, int], stride: tuple[int, int], padded: bool, seed: int
) -> None:
    padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
    layer, in_shape = AvgPool2d(kernel, stride, padding), (channels, 6, 5)
    # The kernels have a power of two of taps, so that the mean is exact too.
    affine = affine_from_layer(layer, in_shape)
    check(layer, affine, in_shape, np.random.default_rng(seed))


@given(st.integers(1, 9), st.integers(1, 9), seeds)
def test_affine_from_layer__linear(inputs: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = Linear(integers(rng, outputs, inputs), integers(rng, outputs))
    check(layer, affine_from_layer(layer, (inputs,)), (inputs,), rng)


@given(st.sampled_from([(2, 3, 4), (1, 1, 1), (5,)]), seeds)
def test_affine_from_layer__elementwise(shape: Shape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels = shape[0]
    mean, gamma, beta = integers(rng, 3, channels)
    layers: list[Layer] = [
        Flatten(),
        BatchNorm(mean, np.full(channels, 4.0), gamma, beta, epsilon=0.0),
        Polynomial(np.array([2.0, -3.0])),
        Polynomial(np.array([7.0])),
        Polynomial(integers(rng, channels, 2) + np.array([0.0, 20.0])),
    ]
    for layer in layers:
        check(layer, affine_from_layer(layer, shape), shape, rng)


def test_affine_from_layer__stores_no_zeros() -> None:
    weight = np.array([[[[0.0, 1.0], [0.0, 0.0]]]])
    affine = affine_from_layer(Conv2d(weight, np.zeros(1)), (1, 4, 4))
    assert affine.nonzeros == 9
    assert (affine.matrix.data != 0).all()


def test_affine_from_layer__names_what_is_not_affine() -> None:
    assert not is_affine(Polynomial.square())
    assert not is_affine(Add())
    with pytest.raises(UnsupportedLayerError, match="Polynomial is no affine map"):
        affine_from_layer(Polynomial.square(), (3,))


@given(convolutions(), seeds)
def test_then__composes(case: tuple[Conv2d, Shape], seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer, in_shape = case
    first = affine_from_layer(layer, in_shape)
    second_layer = Linear(integers(rng, 4, first.out_size), integers(rng, 4))
    second = affine_from_layer(second_layer, (first.out_size,))
    both = first.then(second)
    images = integers(rng, 3, *in_shape)
    expected = second_layer.forward(layer.forward(images).reshape(3, -1))
    np.testing.assert_array_equal(both(images.reshape(3, -1)), expected)
    assert both.stride is None


def test_then__multiplies_strides() -> None:
    pools = [AvgPool2d((1, 1), (2, 1)), AvgPool2d((2, 2), (2, 3))]
    first = affine_from_layer(pools[0], (1, 12, 12))
    second = affine_from_layer(pools[1], first.out_shape)
    assert first.then(second).stride == (4, 3)


def test_then__refuses_sizes_that_do_not_meet() -> None:
    with pytest.raises(ShapeError, match="takes 6 elements, not 5"):
        identity((5,)).then(identity((6,)))


def test_affine__refuses_wrong_shapes() -> None:
    with pytest.raises(ShapeError, match=r"needs a matrix \(2, 3\)"):
        Affine(identity((3,)).matrix, np.zeros(2), (3,), (2,))


@given(convolutions(), seeds)
def test_scale__is_elementwise(case: tuple[Conv2d, Shape], seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer, in_shape = case
    affine = affine_from_layer(layer, in_shape)
    x = integers(rng, 2, affine.in_size)
    scale, shift = integers(rng, 2, affine.out_size)
    np.testing.assert_array_equal(affine.scale_outputs(scale, shift)(x), affine(x) * scale + shift)
    scale, shift = integers(rng, 2, affine.in_size)
    np.testing.assert_array_equal(affine.scale_inputs(scale, shift)(x), affine(x * scale + shift))


@given(convolutions(), seeds)
def test_bounds__hold_and_are_reached(case: tuple[Conv2d, Shape], seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer, in_shape = case
    affine = affine_from_layer(layer, in_shape)
    low = integers(rng, affine.in_size)
    high = low + rng.integers(0, 5, affine.in_size)
    least, greatest = affine.bounds(low, high)
    weights = affine.matrix.toarray()
    for row in range(affine.out_size):
        best = np.where(weights[row] > 0, high, low)
        worst = np.where(weights[row] > 0, low, high)
        assert greatest[row] == weights[row] @ best + affine.bias[row]
        assert least[row] == weights[row] @ worst + affine.bias[row]
