"""ATen operations that are no polynomials. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend.activations import TORCH, recognised
from nn.frontend.elements import Elements
from nn.frontend.linear_operations import Windows
from nn.frontend.network_builder import Operand, image_shape
from nn.frontend.torch_operations import Call, numbers_of, scaled
from nn.network.layers import FloatArray
from nn.network.nonlinear import MaxPool2d
from nn.network.two_inputs import Maximum

# -- activations -------------------------------------------------------------------------------


def activation(
    call: Call, name: str, numbers: dict[str, float], value: Elements, *, whole: bool = True
) -> Elements:
    """A function of one number on a tensor; raises `UnsupportedLayerError` for an unknown one.

    whole: the operation does nothing more.
    """
    layer = recognised(TORCH, name, numbers)
    if layer is None:
        raise UnsupportedLayerError("it has no counterpart")
    origin = call.origin if whole else call.step
    return call.builder.apply(layer.function, layer, value, value.shape, origin)


def _gelu(call: Call) -> Elements:
    name = "gelu_tanh" if call.get("approximate", "none") == "tanh" else "gelu"
    return activation(call, name, {}, call.tensor())


def _elu(call: Call) -> Elements:
    alpha, scale, inner = (float(call.get(x, 1)) for x in ("alpha", "scale", "input_scale"))
    name = "elu" if inner == 1 else "celu"
    if inner != 1 and abs(alpha * inner - 1) > 1e-12:
        raise UnsupportedLayerError(f"ELU with input_scale {inner}")
    found = activation(call, name, {"alpha": alpha}, call.tensor(), whole=scale == 1)
    return found if scale == 1 else found.scaled(scale, call.origin)


def _clamp(call: Call) -> Operand:
    low, high = call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))
    value: Operand = call.tensor()
    if isinstance(low, Elements) or isinstance(high, Elements):
        raise UnsupportedLayerError("bounds that are computed from the input")
    if low is not None and high is not None and np.ndim(low) == 0 == np.ndim(high):
        numbers = {"min_val": float(low), "max_val": float(high)}
        return activation(call, "hardtanh", numbers, call.tensor())
    for bound, sign in ((low, 1.0), (high, -1.0)):
        if bound is not None:
            value = _bounded(call, value, numbers_of(bound), sign)
    return value


def _bounded(call: Call, value: Operand, bound: FloatArray, sign: float) -> Operand:
    """``max(x, bound)`` as ``bound + relu(x - bound)``; with the sign -1 the minimum."""
    builder, origin = call.builder, call.origin
    gap = scaled(call, builder.add(value, -bound, call.step) if bound.any() else value, sign)
    assert isinstance(gap, Elements)
    plain = sign == 1 and not bound.any()
    part = scaled(call, activation(call, "relu", {}, gap, whole=plain), sign)
    return builder.add(part, bound, origin) if bound.any() else part


def _extreme(call: Call) -> Operand:
    sign = 1.0 if call.name == "maximum" else -1.0
    first, second = call.operand("self"), call.operand("other")
    if isinstance(first, Elements) and isinstance(second, Elements):
        pair = [scaled(call, x, sign) for x in (first, second)]
        a, b = (x for x in pair if isinstance(x, Elements))
        return scaled(call, call.builder.pair("maximum", Maximum(), a, b, call.step), sign)
    value, bound = (first, second) if isinstance(first, Elements) else (second, first)
    assert not isinstance(bound, Elements)
    return _bounded(call, value, bound, sign)


def _prelu(call: Call) -> Operand:
    """``w x + (1 - w) relu(x)``, with a slope for each channel."""
    value, slope = call.tensor(), call.constant("weight")
    if slope.size == 1:
        return activation(call, "leaky_relu", {"negative_slope": float(slope.flat[0])}, value)
    slope = slope.reshape(-1, *(1,) * (len(value.shape) - 2))
    positive = activation(call, "relu", {}, value, whole=False).scaled(1 - slope, call.step)
    return call.builder.add(value.scaled(slope, call.step), positive, call.origin)


def _threshold(call: Call) -> Elements:
    if float(call["threshold"]) or float(call["value"]):
        raise UnsupportedLayerError("a threshold other than 0 jumps: use ReLU")
    return activation(call, "relu", {}, call.tensor())


def _glu(call: Call) -> Operand:
    value = call.tensor()
    axis = int(call.get("dim", -1)) % len(value.shape)
    first = value.moved(lambda array: np.split(array, 2, axis)[0], call.step)
    second = value.moved(lambda array: np.split(array, 2, axis)[1], call.step)
    gate = activation(call, "sigmoid", {}, second, whole=False)
    return call.builder.multiply(first, gate, call.origin)


def _first_of_two(call: Call) -> list[Any]:
    name = "log_sigmoid_forward"
    return [activation(call, name, {}, call.tensor()), None]


def _max_pool(call: Call) -> list[Any]:
    value = call.tensor()
    axes = len(value.shape) - 2
    if axes > 2:
        raise UnsupportedLayerError("MaxPool3d: use AvgPool3d, or a strided Conv3d")
    kernel = lengths(call["kernel_size"], axes)
    stride = lengths(call.get("stride") or kernel, axes)
    padding, dilation = lengths(call["padding"], axes), lengths(call["dilation"], axes)
    windows = Windows(kernel, stride, padding, padding, dilation)
    found = call.result[0] if isinstance(call.result, tuple | list) else call.result
    shape = tuple(found.shape)
    parts = zip(shape[2:], windows.stride, windows.extent, value.shape[2:], padding, strict=True)
    end = tuple(max((n - 1) * s + e - size - p, 0) for n, s, e, size, p in parts)
    one, none = (1,) * (2 - axes), (0,) * (2 - axes)
    pairs = ((*one, *kernel), (*one, *stride), (*none, *padding), (*none, *end), (*one, *dilation))
    layer = MaxPool2d(*((int(a), int(b)) for a, b in pairs))
    image = image_shape(value.shape[1:])
    return [call.builder.apply("max_pool", layer, value, shape, call.origin, image), None]


def _adaptive_max_pool(call: Call) -> list[Any]:
    value, shape = call.tensor(), tuple(call.result[0].shape)
    return [_largest(call, value, shape), None]


def _largest_of_axes(call: Call) -> Any:
    """``amax``, and ``max`` along an axis."""
    value = call.tensor()
    given = call.get("dim", ())
    axes = {int(a) % len(value.shape) for a in ([given] if isinstance(given, int) else given)}
    shape = tuple(1 if a in axes else n for a, n in enumerate(value.shape))
    if not axes or 0 in axes or 1 in axes or len(value.shape) not in (3, 4):
        raise UnsupportedLayerError("a maximum over anything but the axes behind the channels")
    found = _largest(call, value, shape)
    several = isinstance(call.result, tuple | list)
    wanted = tuple((call.result[0] if several else call.result).shape)
    found = found.moved(lambda array: array.reshape(wanted), call.origin)
    return [found, None] if several else found


def _largest(call: Call, value: Elements, shape: tuple[int, ...]) -> Elements:
    """Maxima over windows that divide the image evenly."""
    size = value.shape[2:]
    if any(n % count for n, count in zip(size, shape[2:], strict=True)) or len(size) > 2:
        raise UnsupportedLayerError(f"windows of an image {size} that are not all of one size")
    kernel = tuple(n // count for n, count in zip(size, shape[2:], strict=True))
    height, width = (1, *kernel) if len(kernel) == 1 else kernel
    layer = MaxPool2d((height, width), (height, width))
    image = image_shape(value.shape[1:])
    return call.builder.apply("max_pool", layer, value, shape, call.origin, image)


def lengths(given: Any, axes: int) -> tuple[int, ...]:
    """One length for each axis, from a number, or from as many or one."""
    numbers = [given] if isinstance(given, int) else [int(x) for x in given]
    return tuple(numbers * axes if len(numbers) == 1 else numbers)


NONLINEAR: dict[str, Callable[[Call], Any]] = {
    "gelu": _gelu,
    "elu": _elu,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "hardtanh": _clamp,
    "maximum": _extreme,
    "minimum": _extreme,
    "prelu": _prelu,
    "_prelu_kernel": _prelu,
    "threshold": _threshold,
    "glu": _glu,
    "log_sigmoid_forward": _first_of_two,
    "max_pool2d_with_indices": _max_pool,
    "max_pool3d_with_indices": _max_pool,
    "adaptive_max_pool2d": _adaptive_max_pool,
    "amax": _largest_of_axes,
    "max": _largest_of_axes,
}
"""Operations that need more than the table of activations."""
