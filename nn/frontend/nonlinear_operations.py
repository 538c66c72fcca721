"""Activations and maxima as layers of a network, for every front end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend.elements import Elements, inner
from nn.frontend.network_builder import NetworkBuilder, Operand, image_shape
from nn.frontend.windows import Windows
from nn.network.layers import FloatArray
from nn.network.nonlinear import MaxPool2d, ScalarFunction
from nn.network.two_inputs import Maximum


def activated(
    builder: NetworkBuilder, layer: ScalarFunction, value: Elements, origin: Any
) -> Elements:
    """A function of one number on a tensor."""
    return builder.apply(layer.function, layer, value, value.shape, origin)


def scaled(value: Operand, factor: float, origin: Any) -> Operand:
    """A number times an operand, as a step within an operation."""
    if not isinstance(value, Elements):
        return np.asarray(value * factor)
    # A change of sign is exact.
    step = inner(origin)
    return value if factor == 1 else value.scaled(factor, step, 0 if factor == -1 else 1)


def clipped(
    builder: NetworkBuilder,
    value: Elements,
    low: FloatArray | None,
    high: FloatArray | None,
    origin: Any,
) -> Operand:
    """The tensor between bounds: a clip by numbers, or one or two of ReLU."""
    low = None if low is None or (np.ndim(low) == 0 and low == -math.inf) else low
    high = None if high is None or (np.ndim(high) == 0 and high == math.inf) else high
    if low is not None and high is not None and low.size == 1 == high.size:
        numbers = {"low": float(low.flat[0]), "high": float(high.flat[0])}
        return activated(builder, ScalarFunction("clip", numbers), value, origin)
    result: Operand = value
    if low is not None:
        step = origin if high is None else inner(origin)
        result = bounded(builder, result, low, 1.0, step)
    return result if high is None else bounded(builder, result, high, -1.0, origin)


def bounded(
    builder: NetworkBuilder, value: Operand, bound: FloatArray, sign: float, origin: Any
) -> Operand:
    """``max(x, bound)`` as ``bound + relu(x - bound)``; with the sign -1 the minimum."""
    step = inner(origin)
    gap = scaled(builder.add(value, -bound, step) if bound.any() else value, sign, origin)
    assert isinstance(gap, Elements)
    plain = sign == 1 and not bound.any()
    part = activated(builder, ScalarFunction("relu"), gap, origin if plain else step)
    turned = scaled(part, sign, origin)
    return builder.add(turned, bound, origin) if bound.any() else turned


def larger(
    builder: NetworkBuilder, first: Operand, second: Operand, sign: float, origin: Any
) -> Operand:
    """The larger of two operands, elementwise; with the sign -1 the smaller."""
    if isinstance(first, Elements) and isinstance(second, Elements):
        pair = [scaled(x, sign, origin) for x in (first, second)]
        a, b = (x for x in pair if isinstance(x, Elements))
        step = origin if sign == 1 else inner(origin)
        return scaled(builder.pair("maximum", Maximum(), a, b, step), sign, origin)
    value, bound = (first, second) if isinstance(first, Elements) else (second, first)
    assert not isinstance(bound, Elements)
    return bounded(builder, value, bound, sign, origin)


def sloped(builder: NetworkBuilder, value: Elements, slope: FloatArray, origin: Any) -> Operand:
    """``max(x, 0) + slope min(x, 0)`` as ``slope x + (1 - slope) relu(x)``; `slope` broadcasts."""
    if slope.size == 1:
        layer = ScalarFunction("leaky_relu", {"slope": float(slope.flat[0])})
        return activated(builder, layer, value, origin)
    step = inner(origin)
    positive = activated(builder, ScalarFunction("relu"), value, step).scaled(1 - slope, step)
    return builder.add(value.scaled(slope, step), positive, origin)


def max_pool(
    builder: NetworkBuilder,
    value: Elements,
    windows: Windows,
    counts: tuple[int, ...],
    origin: Any,
) -> Elements:
    """Maxima over so many windows of images or signals; rows missing at the end never win."""
    axes = len(windows.kernel)
    if axes > 2:
        raise UnsupportedLayerError("MaxPool3d: use AvgPool3d, or a strided Conv3d")
    parts = zip(counts, windows.stride, windows.extent, value.shape[2:], windows.begin, strict=True)
    end = tuple(max((n - 1) * s + e - size - p, 0) for n, s, e, size, p in parts)
    one, none = (1,) * (2 - axes), (0,) * (2 - axes)
    pairs = (
        (*one, *windows.kernel), (*one, *windows.stride), (*none, *windows.begin), (*none, *end),
        (*one, *windows.dilation),
    )  # fmt: skip
    layer = MaxPool2d(*((int(a), int(b)) for a, b in pairs))
    image, shape = image_shape(value.shape[1:]), (*value.shape[:2], *counts)
    return builder.apply("max_pool", layer, value, shape, origin, image)


def largest(
    builder: NetworkBuilder, value: Elements, counts: tuple[int, ...], origin: Any
) -> Elements:
    """Maxima over windows that divide an image or a signal evenly, `counts` on each axis."""
    size = value.shape[2:]
    if any(n % count for n, count in zip(size, counts, strict=True)):
        raise UnsupportedLayerError(f"windows of an image {size} that are not all of one size")
    kernel = tuple(n // count for n, count in zip(size, counts, strict=True))
    none = (0,) * len(size)
    windows = Windows(kernel, kernel, none, none, (1,) * len(size))
    return max_pool(builder, value, windows, counts, origin)


def largest_of_axes(
    builder: NetworkBuilder, value: Elements, axes: set[int], keep: bool, origin: Any
) -> Elements:
    """Maxima over whole axes behind the channels."""
    if not axes or 0 in axes or 1 in axes or len(value.shape) not in (3, 4):
        raise UnsupportedLayerError("a maximum over anything but the axes behind the channels")
    counts = tuple(1 if a in axes else n for a, n in enumerate(value.shape))
    found = largest(builder, value, counts[2:], origin)
    if keep:
        return found
    wanted = tuple(n for a, n in enumerate(value.shape) if a not in axes)
    return found.moved(lambda array: array.reshape(wanted), origin)
