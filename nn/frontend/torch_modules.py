"""Single PyTorch modules to layers. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch import nn as torch_nn
from torch.nn.parameter import is_lazy

from nn.errors import UnsupportedLayerError
from nn.frontend.torch_layers import PolynomialActivation
from nn.network.activation import Polynomial
from nn.network.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
)

PASSED_THROUGH = (torch_nn.Identity, torch_nn.Dropout, torch_nn.Dropout1d, torch_nn.Dropout2d)
"""Modules that do nothing in evaluation mode."""


def convert_module(module: torch_nn.Module, input_shape: Shape) -> Layer:
    """The layer equal to `module` on inputs of `input_shape` (without the batch axis).

    Raises `UnsupportedLayerError`, which says what is not accepted, for any other module.
    """
    for kind, convert in CONVERTERS.items():
        if isinstance(module, kind):
            return convert(module, input_shape)
    hint = _HINTS.get(type(module).__name__)
    if hint is None and "activation" in type(module).__module__:
        hint = "encrypted values take polynomials only: use PolynomialActivation or x ** 2"
    raise UnsupportedLayerError(hint or "it has no counterpart")


def check_weights_exist(module: torch_nn.Module) -> None:
    """Raise `UnsupportedLayerError`, with its name, for a layer whose weights do not exist yet."""
    for name, layer in module.named_modules():
        tensors = (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
        reason = ""
        if any(is_lazy(tensor) for tensor in tensors):
            reason = "never ran, so it has no weights: run the module once before you convert it"
        elif any(tensor.is_meta for tensor in tensors):
            reason = "is on the device 'meta', which holds no weights: load the weights first"
        if reason:
            place = f" at {name!r}" if name else ""
            raise UnsupportedLayerError(f"layer {type(layer).__name__}{place} {reason}")


_HINTS = {
    "MaxPool2d": "a maximum is no polynomial: use AvgPool2d or a strided Conv2d",
    "AdaptiveMaxPool2d": "a maximum is no polynomial: use AdaptiveAvgPool2d",
    "LayerNorm": "it divides by a value: use BatchNorm1d/2d, whose statistics are fixed",
    "GroupNorm": "it divides by a value: use BatchNorm2d, whose statistics are fixed",
    "InstanceNorm2d": "it divides by a value: use BatchNorm2d, whose statistics are fixed",
}


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.detach().cpu(), dtype=np.float64)


def _bias(tensor: Tensor | None, outputs: int) -> FloatArray:
    return np.zeros(outputs) if tensor is None else _array(tensor)


def _pair(value: Any) -> tuple[int, int]:
    vertical, horizontal = (value, value) if isinstance(value, int) else value
    return int(vertical), int(horizontal)


def _conv2d(module: torch_nn.Conv2d, input_shape: Shape) -> Layer:
    if module.padding_mode != "zeros":
        raise UnsupportedLayerError(
            f"padding_mode {module.padding_mode!r}; only 'zeros' is accepted"
        )
    weight = _dilated(_array(module.weight), _pair(module.dilation))
    if module.padding == "same":
        weight, padding = _same_padding(weight)
    elif module.padding == "valid":
        padding = (0, 0)
    else:
        padding = _pair(module.padding)
    bias = _bias(module.bias, module.out_channels)
    return Conv2d(weight, bias, _pair(module.stride), padding, module.groups)


def _dilated(weight: FloatArray, dilation: tuple[int, int]) -> FloatArray:
    """The plain kernel equal to a dilated one: zeros between its taps."""
    rows, columns = (
        (length - 1) * step + 1 for length, step in zip(weight.shape[2:], dilation, strict=True)
    )
    expanded = np.zeros((*weight.shape[:2], rows, columns))
    expanded[:, :, :: dilation[0], :: dilation[1]] = weight
    return expanded


def _same_padding(weight: FloatArray) -> tuple[FloatArray, tuple[int, int]]:
    """The kernel and the symmetric padding that keep the image's size.

    For an even kernel PyTorch pads one row (column) more at the end than at the start. A zero row
    (column) at the start of the kernel makes the padding symmetric.
    """
    odd = np.pad(weight, [(0, 0), (0, 0), *((1 - length % 2, 0) for length in weight.shape[2:])])
    return odd, (odd.shape[2] // 2, odd.shape[3] // 2)


def _linear(module: torch_nn.Linear, input_shape: Shape) -> Layer:
    if len(input_shape) != 1:
        raise UnsupportedLayerError(f"on an input of shape {input_shape}; put a Flatten before it")
    return Linear(_array(module.weight), _bias(module.bias, module.out_features))


def _average_pool(module: torch_nn.AvgPool2d, input_shape: Shape) -> Layer:
    padding = _pair(module.padding)
    if module.ceil_mode:
        raise UnsupportedLayerError("ceil_mode=True; only False is accepted")
    if module.divisor_override is not None:
        raise UnsupportedLayerError("divisor_override; only None is accepted")
    if not module.count_include_pad and padding != (0, 0):
        raise UnsupportedLayerError("count_include_pad=False with padding; only True is accepted")
    return AvgPool2d(_pair(module.kernel_size), _pair(module.stride), padding)


def _adaptive_average_pool(module: torch_nn.AdaptiveAvgPool2d, input_shape: Shape) -> Layer:
    wanted = module.output_size
    pair = (wanted, wanted) if isinstance(wanted, int) or wanted is None else wanted
    sizes = input_shape[1:]
    outputs = [size if out is None else int(out) for out, size in zip(pair, sizes, strict=True)]
    if any(size % out for size, out in zip(sizes, outputs, strict=True)):
        raise UnsupportedLayerError(
            f"an output of {tuple(outputs)} does not divide the input's {tuple(sizes)}"
        )
    kernel = (sizes[0] // outputs[0], sizes[1] // outputs[1])
    return AvgPool2d(kernel, kernel)


def _flatten(module: torch_nn.Flatten, input_shape: Shape) -> Layer:
    rank = len(input_shape) + 1
    if (module.start_dim % rank, module.end_dim % rank) != (1, rank - 1):
        raise UnsupportedLayerError(
            f"start_dim={module.start_dim}, end_dim={module.end_dim}; only 1 and -1 are accepted"
        )
    return Flatten()


def _batch_norm(module: torch_nn.BatchNorm1d | torch_nn.BatchNorm2d, input_shape: Shape) -> Layer:
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedLayerError(
            "track_running_stats=False divides by the batch's own statistics; only True is accepted"
        )
    mean, variance = _array(module.running_mean), _array(module.running_var)
    gamma = np.ones_like(mean) if module.weight is None else _array(module.weight)
    beta = np.zeros_like(mean) if module.bias is None else _array(module.bias)
    return BatchNorm(mean, variance, gamma, beta, module.eps)


def _polynomial(module: PolynomialActivation, input_shape: Shape) -> Layer:
    coefficients = _array(module.coefficients)
    while coefficients.shape[-1] > 1 and not coefficients[..., -1].any():
        coefficients = coefficients[..., :-1]
    return Polynomial(coefficients)


CONVERTERS: dict[type[torch_nn.Module], Callable[[Any, Shape], Layer]] = {
    torch_nn.Conv2d: _conv2d,
    torch_nn.Linear: _linear,
    torch_nn.AvgPool2d: _average_pool,
    torch_nn.AdaptiveAvgPool2d: _adaptive_average_pool,
    torch_nn.Flatten: _flatten,
    torch_nn.BatchNorm1d: _batch_norm,
    torch_nn.BatchNorm2d: _batch_norm,
    PolynomialActivation: _polynomial,
}
