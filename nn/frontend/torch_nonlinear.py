"""ATen operations that are no polynomials. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend import nonlinear_operations as nonlinear
from nn.frontend.activations import TORCH, recognised
from nn.frontend.elements import Elements
from nn.frontend.network_builder import Operand
from nn.frontend.torch_operations import Call, images_of, numbers_of
from nn.frontend.windows import Windows


def activation(
    call: Call, name: str, numbers: dict[str, float], value: Elements, *, whole: bool = True
) -> Elements:
    """A function of one number on a tensor; raises `UnsupportedLayerError` for an unknown one.

    whole: the operation does nothing more.
    """
    layer = recognised(TORCH, name, numbers)
    if layer is None:
        raise UnsupportedLayerError("it has no counterpart")
    return nonlinear.activated(call.builder, layer, value, call.origin if whole else call.step)


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
    if isinstance(low, Elements) or isinstance(high, Elements):
        raise UnsupportedLayerError("bounds that are computed from the input")
    least, most = (None if bound is None else numbers_of(bound) for bound in (low, high))
    return nonlinear.clipped(call.builder, call.tensor(), least, most, call.origin)


def _extreme(call: Call) -> Operand:
    sign = 1.0 if call.name == "maximum" else -1.0
    first, second = call.operand("self"), call.operand("other")
    return nonlinear.larger(call.builder, first, second, sign, call.origin)


def _prelu(call: Call) -> Operand:
    value, slope = call.tensor(), call.constant("weight")
    if slope.size > 1:
        slope = slope.reshape(-1, *(1,) * (len(value.shape) - 2))
    return nonlinear.sloped(call.builder, value, slope, call.origin)


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
    axes = 3 if "3d" in call.name else 2
    value = images_of(call.tensor(), axes)
    kernel = lengths(call["kernel_size"], axes)
    stride = lengths(call.get("stride") or kernel, axes)
    padding, dilation = lengths(call["padding"], axes), lengths(call["dilation"], axes)
    windows = Windows(kernel, stride, padding, padding, dilation)
    counts = tuple(call.result[0].shape)[2:]
    return [nonlinear.max_pool(call.builder, value, windows, counts, call.origin), None]


def _adaptive_max_pool(call: Call) -> list[Any]:
    counts = tuple(call.result[0].shape)[2:]
    value = images_of(call.tensor(), 2)
    return [nonlinear.largest(call.builder, value, counts, call.origin), None]


def _largest_of_axes(call: Call) -> Any:
    """``amax``, and ``max`` along an axis."""
    value = call.tensor()
    given = call.get("dim", ())
    axes = {int(a) % len(value.shape) for a in ([given] if isinstance(given, int) else given)}
    keep = bool(call.get("keepdim", False))
    found = nonlinear.largest_of_axes(call.builder, value, axes, keep, call.origin)
    return [found, None] if isinstance(call.result, tuple | list) else found


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
