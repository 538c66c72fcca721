"""ATen's linear operations, and the choice of a converter. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend import linear_operations as linear
from nn.frontend.activations import TORCH
from nn.frontend.elements import Elements
from nn.frontend.network_builder import Operand
from nn.frontend.torch_hints import HINTS
from nn.frontend.torch_nonlinear import NONLINEAR, activation, lengths
from nn.frontend.torch_operations import ARITHMETIC, Call, images_of, moved, scaled
from nn.frontend.windows import Windows, window_sizes
from nn.network.layers import FloatArray

_MOVES_TEXT = """
view _unsafe_view reshape permute transpose t expand slice select squeeze unsqueeze split
split_with_sizes unbind chunk flip roll repeat reflection_pad1d reflection_pad2d
reflection_pad3d replication_pad1d replication_pad2d replication_pad3d index index_select
gather take diagonal diag_embed tril triu unfold pixel_shuffle pixel_unshuffle im2col
channel_shuffle native_channel_shuffle as_strided rot90 swapaxes movedim narrow clone detach
alias lift_fresh contiguous upsample_nearest1d upsample_nearest2d upsample_nearest3d
_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
"""
_MOVES = frozenset(_MOVES_TEXT.split())
"""Operations that move the elements of one tensor, and do nothing else."""

_BY_CHANNEL_TEXT = """
upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d
_upsample_bilinear2d_aa _upsample_bicubic2d_aa _adaptive_avg_pool2d _adaptive_avg_pool3d
adaptive_avg_pool1d
"""
_BY_CHANNEL = frozenset(_BY_CHANNEL_TEXT.split())
"""Linear operations that treat each channel alone and alike."""

_WHOLE = frozenset(("cumsum", "col2im", "fold"))
"""Linear operations of any other kind."""

_CONSTANTS_TEXT = """
zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty fill zero zeros
ones size sym_size
"""
_CONSTANTS = frozenset(_CONSTANTS_TEXT.split())
"""Operations that take nothing but the shape of a tensor."""


def convert(call: Call) -> Any:
    """What an operation gives, as tensors of the network that the builder makes.

    Raises `UnsupportedLayerError` for an operation that has no counterpart.
    """
    name = call.name
    for table in (ARITHMETIC, NONLINEAR, _LINEAR):
        if name in table:
            return table[name](call)
    if name in _MOVES:
        return moved(call)
    if name in _BY_CHANNEL or name in _WHOLE:
        return _probed(call)
    if name in _CONSTANTS and not any(isinstance(x, Elements) for x in call.others("self")):
        return call.result
    if name in TORCH:
        return activation(call, name, call.numbers, call.tensor())
    raise UnsupportedLayerError(HINTS.get(name, "it has no counterpart"))


def _probed(call: Call) -> Elements:
    value = call.tensor()
    by_channel = call.name in _BY_CHANNEL
    if not by_channel and call.name == "cumsum" and int(call["dim"]) % len(value.shape) == 0:
        raise UnsupportedLayerError("it sums over the batch axis; each answer is of one image")
    size, counts = value.shape[2:], call.shape[2:]
    even = by_channel and "adaptive" in call.name
    if even and not any(n % count for n, count in zip(size, counts, strict=True)):
        kernel = tuple(n // count for n, count in zip(size, counts, strict=True))
        none = (0,) * len(size)
        windows = Windows(kernel, kernel, none, none, (1,) * len(size))
        divisors = np.full(counts, float(np.prod(kernel)))
        return linear.average_pool(call.builder, value, windows, counts, divisors, call.origin)

    def function(array: FloatArray) -> FloatArray:
        return np.asarray(call.run({"self": array}))

    return linear.probed(call.builder, value, function, call.shape, by_channel, call.origin)


def _convolution(call: Call) -> Elements:
    weight = call.constant("weight")
    axes = weight.ndim - 2
    value = images_of(call.tensor("input"), axes)
    bias = call.constant("bias") if call.has("bias") else None
    names = ("stride", "padding", "dilation", "output_padding")
    stride, padding, dilation, more = (lengths(call[name], axes) for name in names)
    kernel, groups = weight.shape[2:], int(call["groups"])
    end = padding
    if call["transposed"]:
        end = tuple(pad - extra for pad, extra in zip(padding, more, strict=True))
    windows = Windows(kernel, stride, padding, end, dilation)
    build = linear.transposed_convolution if call["transposed"] else linear.convolution
    return build(call.builder, value, weight, bias, windows, groups, call.origin)


def _average_pool(call: Call) -> Elements:
    axes = int(call.name[-2])
    value = images_of(call.tensor(), axes)
    size = value.shape[2:]
    kernel = lengths(call["kernel_size"], axes)
    stride = lengths(call.get("stride") or kernel, axes)
    padding = lengths(call["padding"], axes)
    windows = Windows(kernel, stride, padding, padding, (1,) * axes)
    counts = call.shape[2:]
    if call.has("divisor_override"):
        divisors = np.full(counts, float(call["divisor_override"]))
    else:
        divisors = window_sizes(windows, size, counts, bool(call["count_include_pad"]))
    return linear.average_pool(call.builder, value, windows, counts, divisors, call.origin)


def _reduced(call: Call) -> Elements:
    value = call.tensor()
    given = call.get("dim")
    every = range(len(value.shape))
    if given is None or (not isinstance(given, int) and not len(given)):
        axes = set(every)
    else:
        axes = {int(a) % len(value.shape) for a in ([given] if isinstance(given, int) else given)}
    count = int(np.prod([value.shape[axis] for axis in axes]))
    factor = 1 / count if call.name == "mean" else 1.0
    keep = bool(call.get("keepdim", False))
    return linear.summed(call.builder, value, sorted(axes), keep, factor, call.origin)


def _matrix_product(call: Call) -> Operand:
    names = {"mm": ("self", "mat2"), "bmm": ("self", "mat2"), "mv": ("self", "vec")}
    first, second = names.get(call.name, ("self", "other"))
    return _product(call, call.operand(first), call.operand(second), call.origin)


def _product(call: Call, left: Operand, right: Operand, origin: Any) -> Operand:
    builder = call.builder
    if isinstance(left, Elements) and isinstance(right, Elements):
        return linear.product_of_tensors(builder, left, right, origin)
    if isinstance(left, Elements):
        assert not isinstance(right, Elements)
        if right.ndim == 1:
            column = linear.product(builder, left, right[:, None], False, origin)
            return column.moved(lambda array: array[..., 0], origin)
        return linear.product(builder, left, right, False, origin)
    assert isinstance(right, Elements)
    return linear.product(builder, right, left, True, origin)


def _product_and_sum(call: Call) -> Operand:
    names = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2"), "addmv": ("mat", "vec")}
    first, second = (call.operand(name) for name in names[call.name])
    alpha, beta = float(call.get("alpha", 1)), float(call.get("beta", 1))
    added = call.operand("self")
    plain = alpha == beta == 1 and not isinstance(second, Elements)
    if plain and isinstance(first, Elements) and not isinstance(added, Elements):
        assert not isinstance(second, Elements)
        if second.ndim == 2 and added.shape == second.shape[1:]:
            return linear.with_bias(call.builder, first, second, added, call.origin)
    product = scaled(call, _product(call, first, second, call.step), alpha)
    return call.builder.add(product, scaled(call, added, beta), call.origin)


def _batch_norm(call: Call) -> list[Any]:
    value = call.tensor("input")
    if call.get("training", False) or not call.has("running_mean"):
        raise UnsupportedLayerError(
            "it divides by statistics of the values themselves: only BatchNorm with fixed "
            "statistics (track_running_stats=True) is linear"
        )
    mean, variance = call.constant("running_mean"), call.constant("running_var")
    gamma = call.constant("weight") if call.has("weight") else np.ones_like(mean)
    beta = call.constant("bias") if call.has("bias") else np.zeros_like(mean)
    statistics = (mean, variance, gamma, beta)
    result = linear.batch_norm(call.builder, value, statistics, float(call["eps"]), call.origin)
    return [result, None, None, None, None]


def _plain_batch_norm(call: Call) -> Any:
    return _batch_norm(call)[0]


_LINEAR: dict[str, Callable[[Call], Any]] = {
    "convolution": _convolution,
    "_convolution": _convolution,
    "avg_pool1d": _average_pool,
    "avg_pool2d": _average_pool,
    "avg_pool3d": _average_pool,
    "mean": _reduced,
    "sum": _reduced,
    "mm": _matrix_product,
    "bmm": _matrix_product,
    "mv": _matrix_product,
    "addmm": _product_and_sum,
    "baddbmm": _product_and_sum,
    "addmv": _product_and_sum,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_batch_norm_no_update": _batch_norm,
    "batch_norm": _plain_batch_norm,
}
