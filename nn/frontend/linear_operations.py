"""Convolutions, pools, sums and products with constants, as layers of a network.

Tensors have the batch axis first; lengths of windows, strides and padding have one number for each
axis behind the channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend.elements import Elements, IntArray, inner
from nn.frontend.network_builder import NetworkBuilder, image_shape
from nn.frontend.windows import Lengths, Windows
from nn.network.layers import AvgPool2d, BatchNorm, Conv2d, FloatArray, Layer, Linear, Shape
from nn.network.linear_map import LinearMap

MOST_ENTRIES = 1 << 26
"""The most entries of a map that is written down entry by entry."""


def convolution(
    builder: NetworkBuilder,
    value: Elements,
    weight: FloatArray,
    bias: FloatArray | None,
    windows: Windows,
    groups: int,
    origin: Any,
) -> Elements:
    """A convolution with ``weight`` (O, I / groups, *kernel) over the axes behind the channels."""
    size = value.shape[2:]
    outputs = weight.shape[0]
    shift = np.zeros(outputs) if bias is None else np.asarray(bias, dtype=np.float64)
    counts = windows.counts(size)
    shape = (value.shape[0], outputs, *counts)
    if len(size) > 2:
        layer: Layer = _map_of_convolution(value.shape, weight, shift, windows, groups, counts)
        return builder.apply("conv", layer, value, shape, origin, value.shape[1:])
    if len(size) == 1:
        windows = Windows(*((usual, *getattr(windows, name)) for name, usual in _ONE_ROW.items()))
        weight = weight[:, :, None, :]
    kernel, padding = _plain_kernel(weight, windows)
    layer = Conv2d(kernel, shift, _pair(windows.stride), padding, groups)
    return builder.apply("conv", layer, value, shape, origin, image_shape(value.shape[1:]))


_ONE_ROW = {"kernel": 1, "stride": 1, "begin": 0, "end": 0, "dilation": 1}


def transposed_convolution(
    builder: NetworkBuilder,
    value: Elements,
    weight: FloatArray,
    bias: FloatArray | None,
    windows: Windows,
    groups: int,
    origin: Any,
) -> Elements:
    """The transpose of a convolution, with ``weight`` (I, O / groups, *kernel).

    windows: those of the convolution; `end` is less by the padding of the output. Zeros between
    the elements, then a plain convolution with the mirrored kernel.
    """
    axes = len(windows.kernel)
    steps = (1, 1, *windows.stride)

    def spread(array: FloatArray) -> FloatArray:
        lengths = [(n - 1) * step + 1 for n, step in zip(array.shape, steps, strict=True)]
        if math.prod(lengths) > MOST_ENTRIES:
            raise UnsupportedLayerError(f"its stride {windows.stride} makes a tensor {lengths}")
        result = np.zeros(lengths)
        result[tuple(slice(None, None, step) for step in steps)] = array
        return result

    if max(steps) > 1:
        value = value.moved(spread, inner(origin))
    inputs, outputs, *kernel = weight.shape
    grouped = weight.reshape(groups, inputs // groups, outputs, *kernel)
    mirrored = np.flip(np.swapaxes(grouped, 1, 2), tuple(range(3, 3 + axes)))
    mirrored = mirrored.reshape(groups * outputs, inputs // groups, *kernel)
    begin, end = (
        tuple(extent - 1 - pad for extent, pad in zip(windows.extent, pads, strict=True))
        for pads in (windows.begin, windows.end)
    )
    value, begin, end = _cropped(value, begin, end)
    plain = Windows(windows.kernel, (1,) * axes, begin, end, windows.dilation)
    return convolution(builder, value, mirrored, bias, plain, groups, origin)


def average_pool(
    builder: NetworkBuilder,
    value: Elements,
    windows: Windows,
    counts: Lengths,
    divisors: FloatArray,
    origin: Any,
) -> Elements:
    """Sums over windows divided by `divisors`, one for each window."""
    size, channels = value.shape[2:], value.shape[1]
    shape = (*value.shape[:2], *counts)
    area, kind = int(np.prod(windows.kernel)), f"avg_pool{len(size)}d"
    plain = (
        len(size) <= 2
        and windows.begin == windows.end
        and max(windows.dilation) == 1
        and windows.counts(size) == counts
        and all(2 * b <= k for b, k in zip(windows.begin, windows.kernel, strict=True))
        and bool((divisors == area).all())
    )
    if plain:
        one = (1,) * (2 - len(size))
        none = (0,) * (2 - len(size))
        layer: Layer = AvgPool2d(
            _pair((*one, *windows.kernel)), _pair((*one, *windows.stride)),
            _pair((*none, *windows.begin)),
        )  # fmt: skip
        return builder.apply(kind, layer, value, shape, origin, image_shape(value.shape[1:]))
    window, pixel, _ = windows.entries(size, counts)
    values = 1 / divisors.ravel()[window]
    layer = _for_each_channel(values, window, pixel, channels, size, counts)
    return builder.apply(kind, layer, value, shape, origin, image_shape(value.shape[1:]))


def summed(
    builder: NetworkBuilder,
    value: Elements,
    axes: Sequence[int],
    keep: bool,
    factor: float,
    origin: Any,
) -> Elements:
    """The sum over axes, times a factor; an average over a whole image is a pool."""
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(value.shape))
    shape = kept if keep else tuple(n for axis, n in enumerate(value.shape) if axis not in axes)
    if 0 in axes:
        raise UnsupportedLayerError("it sums over the batch axis; each answer is of one image")
    image, count = value.shape[1:], int(np.prod(value.shape)) // int(np.prod(kept))
    whole = len(image) == 3 and set(axes) == {2, 3}
    if whole and factor == 1 / count:
        layer: Layer = AvgPool2d(_pair(image[1:]), _pair(image[1:]))
        return builder.apply("mean", layer, value, shape, origin, image)
    target = np.arange(int(np.prod(kept[1:]))).reshape(kept[1:])
    rows = np.broadcast_to(target, image).ravel()
    columns = np.arange(rows.size)
    values = np.full(rows.size, factor)
    layer = _map(values, rows, columns, image, shape[1:] or (1,))
    return builder.apply("sum", layer, value, shape, origin, image)


def product(
    builder: NetworkBuilder, value: Elements, constant: FloatArray, left: bool, origin: Any
) -> Elements:
    """``value @ constant``, or ``constant @ value`` with `left`, as NumPy's matmul."""
    batch, images = value.shape[0], builder.images
    if batch == 1 != images and len(value.shape) > 2 and constant.ndim in (2, len(value.shape)):
        # A batch of one matrix that holds all images.
        rows = value.moved(lambda array: array[0], inner(origin))
        factor = constant[0] if constant.ndim == len(value.shape) else constant
        found = product(builder, rows, factor, left, inner(origin))
        return found.moved(lambda array: array[None], origin)
    split = (images, batch // images, *value.shape[1:]) if batch != images else value.shape
    stacked = constant
    if constant.ndim > 2 and constant.shape[0] == batch:
        stacked = constant.reshape(images, -1, *constant.shape[-2:])
        if (stacked != stacked[0]).any():
            raise UnsupportedLayerError("its constant is another one for each image")
        stacked = stacked[0]
    one = (1, *value.shape) if len(value.shape) == 1 else value.shape
    result = _product_shape(one, constant, left)
    if not left and constant.ndim == 2 and value.shape == (images, constant.shape[0]):
        layer: Layer = Linear(constant.T, np.zeros(constant.shape[1]))
        image: Shape = (constant.shape[0],)
        return builder.apply("linear", layer, value, result, origin, image)
    image = split[1:]
    ids = np.arange(int(np.prod(image))).reshape(image)
    if left and len(image) < 2:
        raise UnsupportedLayerError("a constant times a vector of each batch")
    if len(image) < 2:
        ids = ids[None]
    # x (.., M, K) and c (.., K, N), or both transposed.
    x = np.swapaxes(ids, -1, -2) if left else ids
    c = np.swapaxes(stacked, -1, -2) if left else stacked
    outer = np.broadcast_shapes(x.shape[:-2], c.shape[:-2])
    shape = (*outer, x.shape[-2], c.shape[-1])
    if int(np.prod(shape)) * x.shape[-1] > MOST_ENTRIES:
        raise UnsupportedLayerError(f"a product with more than {MOST_ENTRIES} terms")
    out = (*outer, c.shape[-1], x.shape[-2]) if left else shape
    numbers = np.arange(int(np.prod(out))).reshape(out)
    numbers = np.swapaxes(numbers, -1, -2) if left else numbers
    places, sources, factors = np.broadcast_arrays(
        numbers[..., :, None, :], x[..., :, :, None], c[..., None, :, :]
    )
    layer = _map(factors.ravel(), places.ravel(), sources.ravel(), image, out)
    return builder.apply("matmul", layer, value, result, origin, image)


def product_of_tensors(
    builder: NetworkBuilder, left: Elements, right: Elements, origin: Any
) -> Elements:
    """A matrix product of two tensors of equal ranks: all products of elements, then sums."""
    if len(left.shape) < 3 or len(left.shape) != len(right.shape):
        raise UnsupportedLayerError("a product of two tensors that sums over the images of a batch")
    step = inner(origin)
    first = left.moved(lambda array: array[..., :, :, None], step)
    second = right.moved(lambda array: array[..., None, :, :], step)
    terms = builder.multiply(first, second, step)
    assert isinstance(terms, Elements)
    return summed(builder, terms, [len(terms.shape) - 2], False, 1.0, origin)


def with_bias(
    builder: NetworkBuilder, value: Elements, weight: FloatArray, bias: FloatArray, origin: Any
) -> Elements:
    """``value @ weight + bias`` for a batch of vectors, or of anything where `product` does it."""
    if value.shape == (builder.images, weight.shape[0]) and bias.shape == weight.shape[1:]:
        layer = Linear(weight.T, bias)
        shape = (builder.images, weight.shape[1])
        return builder.apply("linear", layer, value, shape, origin, weight.shape[:1])
    return product(builder, value, weight, False, inner(origin)).shifted(bias, origin)


def batch_norm(
    builder: NetworkBuilder,
    value: Elements,
    statistics: Sequence[FloatArray],
    epsilon: float,
    origin: Any,
) -> Elements:
    """Normalisation of axis 1 with ``statistics``: mean, variance, gamma and beta."""
    mean, variance, gamma, beta = statistics
    layer = BatchNorm(mean, variance, gamma, beta, epsilon)
    if value.shape[0] != builder.images:
        axes = (-1, *(1,) * (len(value.shape) - 2))
        scaled = value.scaled(layer.scale.reshape(axes), origin)
        return scaled.shifted(layer.shift.reshape(axes), origin).rounded(5)
    image = image_shape(value.shape[1:])
    return builder.apply("batch_norm", layer, value, value.shape, origin, image)


def probed(
    builder: NetworkBuilder,
    value: Elements,
    function: Callable[[FloatArray], FloatArray],
    shape: Sequence[int],
    channelwise: bool,
    origin: Any,
) -> Elements:
    """Any other linear operation, by its values for unit vectors.

    function: the operation on a batch of tensors. channelwise: it treats each channel (axis 1)
    alone and alike, so that one channel tells all.
    """
    image, out = value.shape[1:], tuple(shape[1:])
    channels = image[0] if channelwise else 1
    part = (1, *image[1:]) if channelwise else image
    size, out_size = int(np.prod(part)), int(np.prod(out)) // channels
    if size * out_size > 1 << 30:
        raise UnsupportedLayerError(f"an operation on {size} elements with no form of its own")
    found = []
    for start in range(0, size, 256):
        units = np.eye(size)[start : start + 256].reshape(-1, *part)
        images = function(units).reshape(len(units), -1)
        column, row = np.nonzero(images)
        found.append((images[column, row], row, column + start))
    values, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if channelwise:
        layer = _for_each_channel(values, rows, columns, channels, part[1:], out[1:])
        return builder.apply("linear_map", layer, value, shape, origin, image_shape(image))
    return builder.apply(
        "linear_map", _map(values, rows, columns, image, out or (1,)), value, shape, origin, image
    )


def _map(
    values: FloatArray, rows: IntArray, columns: IntArray, image: Shape, out: Shape
) -> LinearMap:
    bias = np.zeros(int(np.prod(out)))
    return LinearMap.from_entries(values, rows, columns, bias, image or (1,), out or (1,))


def _for_each_channel(
    values: FloatArray, rows: IntArray, columns: IntArray, channels: int, size: Shape, out: Shape
) -> LinearMap:
    """The same map for every channel."""
    count = np.arange(channels)[:, None]
    all_rows = count * int(np.prod(out)) + rows
    all_columns = count * int(np.prod(size)) + columns
    repeated = np.broadcast_to(values, all_rows.shape).ravel()
    shapes = image_shape((channels, *size)), image_shape((channels, *out))
    return _map(repeated, all_rows.ravel(), all_columns.ravel(), *shapes)


def _map_of_convolution(
    shape: Shape,
    weight: FloatArray,
    bias: FloatArray,
    windows: Windows,
    groups: int,
    counts: Lengths,
) -> LinearMap:
    window, pixel, tap = windows.entries(shape[2:], counts)
    outputs, inputs = weight.shape[:2]
    if outputs * inputs * window.size > MOST_ENTRIES:
        raise UnsupportedLayerError(f"a convolution with more than {MOST_ENTRIES} products")
    values = weight.reshape(outputs, inputs, -1)[:, :, tap]
    channels = np.arange(outputs)[:, None] // (outputs // groups) * inputs + np.arange(inputs)
    rows = np.arange(outputs)[:, None, None] * int(np.prod(counts)) + window
    columns = channels[:, :, None] * int(np.prod(shape[2:])) + pixel
    places = np.broadcast_to(rows, values.shape).ravel(), columns.ravel()
    full = np.repeat(bias, int(np.prod(counts)))
    return LinearMap.from_entries(values.ravel(), *places, full, shape[1:], (outputs, *counts))


def _plain_kernel(weight: FloatArray, windows: Windows) -> tuple[FloatArray, tuple[int, int]]:
    """The kernel without dilation, and symmetric padding: rows of zeros make up for the rest."""
    padded = (*windows.extent, *windows.begin, *windows.end)
    if weight.shape[0] * weight.shape[1] * math.prod(windows.extent) > MOST_ENTRIES or (
        max(padded) > MOST_ENTRIES
    ):
        raise UnsupportedLayerError(f"its windows {windows} are larger than any image")
    expanded = np.zeros((*weight.shape[:2], *windows.extent))
    expanded[:, :, :: windows.dilation[0], :: windows.dilation[1]] = weight
    extra = [(0, 0), (0, 0)]
    for begin, end in zip(windows.begin, windows.end, strict=True):
        extra.append((max(end - begin, 0), max(begin - end, 0)))
    padding = tuple(max(pads) for pads in zip(windows.begin, windows.end, strict=True))
    return np.pad(expanded, extra), _pair(padding)


def _cropped(value: Elements, begin: Lengths, end: Lengths) -> tuple[Elements, Lengths, Lengths]:
    """The tensor without the rows that negative padding leaves out, and the padding that stays."""
    if min(*begin, *end) >= 0:
        return value, begin, end
    cut = tuple(
        slice(max(-b, 0), n - max(-e, 0))
        for n, b, e in zip(value.shape[2:], begin, end, strict=True)
    )
    value = value.moved(lambda array: array[(slice(None), slice(None), *cut)], inner(value.origin))
    return value, tuple(max(b, 0) for b in begin), tuple(max(e, 0) for e in end)


def _product_shape(shape: Shape, constant: FloatArray, left: bool) -> Shape:
    outer = np.broadcast_shapes(shape[:-2], constant.shape[:-2])
    if left:
        return (*outer, constant.shape[-2], shape[-1])
    return (*outer, shape[-2], constant.shape[-1])


def _pair(lengths: Sequence[int]) -> tuple[int, int]:
    first, second = lengths
    return int(first), int(second)
