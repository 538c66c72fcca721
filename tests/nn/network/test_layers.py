"""Each layer against a loop that spells out its equation, and against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nn.errors import LayerParameterError, NetworkError, ShapeError
from nn.network.evaluation_error import rounding_bound
from nn.network.graph import Network, Node
from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, FloatArray, Layer, Linear


def allowed(layer: Layer, images: FloatArray) -> FloatArray:
    """How far two float64 evaluations of the layer can be apart, whatever their order of sums."""
    network = Network("one layer", images.shape[1:], (Node("layer", layer, ("input",)),))
    return 2 * rounding_bound(network, images)


def assert_same(layer: Layer, images: FloatArray, expected: FloatArray) -> None:
    actual = layer.forward(images)
    assert actual.shape == expected.shape == (len(images), *layer.output_shape(images.shape[1:]))
    assert (np.abs(actual - expected) <= allowed(layer, images)).all()


def naive_conv2d(layer: Conv2d, images: FloatArray) -> FloatArray:
    batch, _, height, width = images.shape
    out_channels, group_channels, kernel_height, kernel_width = layer.weight.shape
    (step_y, step_x), (pad_y, pad_x) = layer.stride, layer.padding
    rows = (height + 2 * pad_y - kernel_height) // step_y + 1
    columns = (width + 2 * pad_x - kernel_width) // step_x + 1
    out = np.zeros((batch, out_channels, rows, columns))
    for b, o, y, x in np.ndindex(out.shape):
        total = layer.bias[o]
        first_channel = o * layer.groups // out_channels * group_channels
        for i, u, v in np.ndindex(layer.weight.shape[1:]):
            row, column = step_y * y + u - pad_y, step_x * x + v - pad_x
            if 0 <= row < height and 0 <= column < width:
                total += layer.weight[o, i, u, v] * images[b, first_channel + i, row, column]
        out[b, o, y, x] = total
    return out


def naive_avg_pool2d(layer: AvgPool2d, images: FloatArray) -> FloatArray:
    channels = images.shape[1]
    weight = np.full((channels, 1, *layer.kernel), 1 / (layer.kernel[0] * layer.kernel[1]))
    bias = np.zeros(channels)
    return naive_conv2d(Conv2d(weight, bias, layer.stride, layer.padding, channels), images)


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, FloatArray]:
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inputs, outputs = draw(pairs(1, 2))
    kernel, padding = draw(pairs(1, 4)), draw(pairs(0, 2))
    sizes = [
        draw(st.integers(max(1, extent - 2 * pad), 8))
        for extent, pad in zip(kernel, padding, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layer = Conv2d(
        rng.normal(size=(outputs * groups, inputs, *kernel)),
        rng.normal(size=outputs * groups),
        draw(pairs(1, 3)),
        padding,
        groups,
    )
    return layer, rng.normal(size=(draw(st.integers(1, 2)), inputs * groups, *sizes))


@st.composite
def poolings(draw: st.DrawFn) -> tuple[AvgPool2d, FloatArray]:
    kernel = draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, extent // 2)) for extent in kernel)
    sizes = [draw(st.integers(extent, 8)) for extent in kernel]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layer = AvgPool2d(kernel, draw(pairs(1, 3)), (padding[0], padding[1]))
    return layer, rng.normal(size=(2, draw(st.integers(1, 3)), *sizes))


@given(convolutions())
def test_conv2d__equals_loops(case: tuple[Conv2d, FloatArray]) -> None:
    assert_same(*case, naive_conv2d(*case))


@given(convolutions())
def test_conv2d__equals_torch(case: tuple[Conv2d, FloatArray]) -> None:
    layer, images = case
    expected = functional.conv2d(
        torch.tensor(images),
        torch.tensor(layer.weight),
        torch.tensor(layer.bias),
        layer.stride,
        layer.padding,
        groups=layer.groups,
    )
    assert_same(layer, images, expected.numpy())


@given(poolings())
def test_avg_pool2d__equals_loops(case: tuple[AvgPool2d, FloatArray]) -> None:
    assert_same(*case, naive_avg_pool2d(*case))


@given(poolings())
def test_avg_pool2d__equals_torch(case: tuple[AvgPool2d, FloatArray]) -> None:
    layer, images = case
    expected = functional.avg_pool2d(
        torch.tensor(images), layer.kernel, layer.stride, layer.padding
    )
    assert_same(layer, images, expected.numpy())


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_linear__equals_loops_and_torch(inputs: int, outputs: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = Linear(rng.normal(size=(outputs, inputs)), rng.normal(size=outputs))
    vectors = rng.normal(size=(batch, inputs))
    looped = np.empty((batch, outputs))
    for b, o in np.ndindex(looped.shape):
        looped[b, o] = layer.bias[o]
        for i in range(inputs):
            looped[b, o] += layer.weight[o, i] * vectors[b, i]
    assert_same(layer, vectors, looped)
    expected = functional.linear(
        torch.tensor(vectors), torch.tensor(layer.weight), torch.tensor(layer.bias)
    )
    assert_same(layer, vectors, expected.numpy())


def random_batch_norm(rng: np.random.Generator, channels: int) -> BatchNorm:
    return BatchNorm(
        rng.normal(size=channels),
        rng.uniform(0.1, 3, size=channels),
        rng.normal(size=channels),
        rng.normal(size=channels),
        1e-3,
    )


@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (3, 5)])
def test_batch_norm__equals_torch(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    layer, images = random_batch_norm(rng, 5), rng.normal(size=shape)
    arrays = (layer.mean, layer.variance, layer.gamma, layer.beta)
    expected = functional.batch_norm(
        torch.tensor(images), *map(torch.tensor, arrays), eps=layer.epsilon
    )
    assert_same(layer, images, expected.numpy())


def test_batch_norm__scale_and_shift_are_its_meaning() -> None:
    rng = np.random.default_rng(2)
    layer, vectors = random_batch_norm(rng, 4), rng.normal(size=(3, 4))
    assert np.array_equal(layer.forward(vectors), vectors * layer.scale + layer.shift)


def test_flatten__is_row_major() -> None:
    images = np.arange(48.0).reshape(2, 2, 3, 4)
    flat = Flatten().forward(images)
    assert flat.shape == (2, 24)
    for b, c, y, x in np.ndindex(images.shape):
        assert flat[b, (c * 3 + y) * 4 + x] == images[b, c, y, x]
    assert np.array_equal(Flatten().forward(flat), flat)


def test_add__sums_two_inputs() -> None:
    left, right = np.arange(6.0).reshape(2, 3), np.full((2, 3), 0.5)
    assert np.array_equal(Add().forward(left, right), left + 0.5)


def test_layers__count_their_parameters() -> None:
    assert Conv2d(np.ones((4, 3, 2, 2)), np.ones(4)).parameter_count == 52
    assert Linear(np.ones((4, 3)), np.ones(4)).parameter_count == 16
    assert Flatten().parameter_count == 0


def test_parameters__are_copied_and_read_only() -> None:
    weight = np.ones((2, 3))
    layer = Linear(weight, np.zeros(2))
    weight[0, 0] = 7
    assert layer.weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 7
    with pytest.raises(AttributeError):
        layer.bias = np.ones(2)  # type: ignore[misc]


NAN_WEIGHT = np.array([[1.0, np.nan], [np.inf, 0.0]])
CONV = Conv2d(np.ones((4, 2, 3, 3)), np.zeros(4))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Linear(NAN_WEIGHT, np.zeros(2)), "Linear weight holds 2 NaN or infinite"),
        (lambda: Linear(np.ones((2, 3)), np.zeros(3)), r"bias has shape \(3,\); \(2,\) is needed"),
        (lambda: Linear(np.ones(3), np.zeros(3)), "2 dimensions are needed"),
        (lambda: Linear(np.ones((2, 3), dtype=complex), np.zeros(2)), "dtype complex128"),
        (lambda: Linear(np.array([["a"]]), np.zeros(1)), "real numbers are needed"),
        (lambda: Linear(np.ones((0, 3)), np.zeros(0)), "no dimension may be 0"),
        (lambda: Conv2d(np.ones((4, 2, 3)), np.zeros(4)), "4 dimensions are needed"),
        (lambda: replace(CONV, bias=np.zeros(3)), r"bias has shape \(3,\)"),
        (lambda: replace(CONV, stride=(0, 1)), r"stride is \(0, 1\).* >= 1"),
        (lambda: replace(CONV, stride=2), "pair of integers"),
        (lambda: replace(CONV, stride=(1.5, 1)), "pair of integers"),
        (lambda: replace(CONV, padding=(-1, 0)), r"padding is \(-1, 0\).* >= 0"),
        (lambda: replace(CONV, groups=3), "groups is 3; a positive divisor of the 4"),
        (lambda: replace(CONV, groups=0), "groups is 0"),
        (lambda: AvgPool2d((0, 2), (1, 1)), "kernel"),
        (lambda: AvgPool2d((2, 2), (1, 0)), "stride"),
        (lambda: AvgPool2d((2, 2), (1, 1), (2, 0)), "at most half the kernel"),
        (lambda: BatchNorm(*np.ones((3, 2)), np.ones(3)), "one shape"),
        (lambda: BatchNorm(*-np.ones((4, 2))), "smallest variance is -1"),
        (lambda: BatchNorm(*np.zeros((4, 2)), epsilon=0.0), "their sum > 0"),
        (lambda: BatchNorm(*np.ones((4, 2)), epsilon=np.nan), "epsilon nan"),
    ],
)
def test_constructor__refuses(build: Callable[[], Layer], message: str) -> None:
    with pytest.raises(LayerParameterError, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (CONV, [(3, 8, 8)], r"needs an input \(2, H, W\), got \(3, 8, 8\)"),
        (CONV, [(2, 8)], r"got \(2, 8\)"),
        (CONV, [(2, 2, 8)], "3 x 3 kernel does not fit into an image of 2 x 8"),
        (CONV, [(2, 8, 8), (2, 8, 8)], "takes 1 input, got 2"),
        (AvgPool2d((3, 3), (1, 1)), [(2, 2, 2)], "does not fit"),
        (AvgPool2d((3, 3), (1, 1)), [(9,)], r"needs an input \(C, H, W\)"),
        (Linear(np.ones((2, 3)), np.ones(2)), [(4,)], r"needs an input \(3,\), got \(4,\)"),
        (Linear(np.ones((2, 3)), np.ones(2)), [(3, 1, 1)], "put a Flatten before it"),
        (Add(), [(3,), (4,)], "two inputs of one shape"),
        (Add(), [(3,)], "two inputs of one shape"),
        (BatchNorm(*np.ones((4, 2))), [(3, 4, 4)], "for 2 channels"),
    ],
)
def test_output_shape__refuses(layer: Layer, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(*shapes)
    with pytest.raises(NetworkError, match=message):
        layer.forward(*(np.zeros((2, *shape)) for shape in shapes))


def test_forward__needs_a_batch_axis() -> None:
    with pytest.raises(ShapeError, match="a batch"):
        Linear(np.ones((2, 3)), np.ones(2)).forward(np.zeros(3))
