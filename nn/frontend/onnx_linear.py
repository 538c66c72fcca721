"""ONNX's linear operators, pools, and the choice of a converter. It imports onnx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend import linear_operations as linear
from nn.frontend import nonlinear_operations as nonlinear
from nn.frontend.activations import ONNX
from nn.frontend.elements import Elements
from nn.frontend.onnx_operators import ARITHMETIC, Operator, activation, moved
from nn.frontend.windows import Windows, window_sizes
from nn.network.layers import FloatArray

_MOVES = frozenset(
    (
        *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "GatherND"),
        *("GatherElements", "Expand", "Tile", "Split", "DepthToSpace", "SpaceToDepth", "Trilu"),
        *("ReverseSequence", "Compress"),
    )
)
"""Operators that move the elements of their first input, and do nothing else."""

_NORM = (
    "it divides by statistics of the values themselves: use BatchNormalization, whose statistics "
    "are fixed"
)
_ORDER = "which element is the largest is no polynomial: let the client find it in the logits"
_COMPARED = "a comparison of encrypted values is no polynomial"
_ROUNDED = "it rounds or jumps, so that no polynomial is near it"
_RECURRENT = "its gates are no polynomials, and each step takes levels: use Conv"
_SOFTMAX = "a softmax is no polynomial; only at the end of a model, for the client, can it stand"
_ROOT = "a root is no polynomial: use a power"

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("LayerNormalization", "GroupNormalization", "LRN"), _NORM),
        **dict.fromkeys(("InstanceNormalization", "MeanVarianceNormalization"), _NORM),
        **dict.fromkeys(("LpNormalization", "RMSNormalization"), _NORM),
        **dict.fromkeys(("ArgMax", "ArgMin", "TopK", "Hardmax", "NonZero", "Unique"), _ORDER),
        **dict.fromkeys(("ReduceMin", "NonMaxSuppression"), _ORDER),
        **dict.fromkeys(("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"), _COMPARED),
        **dict.fromkeys(("Not", "And", "Or", "Xor", "IsNaN", "IsInf"), _COMPARED),
        **dict.fromkeys(("Floor", "Ceil", "Round", "Sign", "Mod", "QuantizeLinear"), _ROUNDED),
        **dict.fromkeys(("DynamicQuantizeLinear", "Shrink", "ThresholdedRelu"), _ROUNDED),
        **dict.fromkeys(("LSTM", "GRU", "RNN"), _RECURRENT),
        **dict.fromkeys(("Softmax", "LogSoftmax", "ReduceLogSumExp", "Attention"), _SOFTMAX),
        **dict.fromkeys(("Sqrt", "ReduceL2"), _ROOT),
        "Log": "a logarithm is no polynomial",
        "Reciprocal": "a division by encrypted values is no polynomial: divide by constants only",
        "RandomNormalLike": "it is random: encrypted answers are not",
        "RandomUniformLike": "it is random: encrypted answers are not",
        "Bernoulli": "it is random: encrypted answers are not",
    }
)


def convert(operator: Operator) -> list[Any]:
    """What an operator gives, as tensors of the network that the builder makes.

    Raises `UnsupportedLayerError` for an operator that has no counterpart.
    """
    kind = operator.kind
    for table in (ARITHMETIC, _LINEAR):
        if kind in table:
            return table[kind](operator)
    if kind in _MOVES:
        return moved(operator)
    if kind in ONNX:
        return activation(operator)
    raise UnsupportedLayerError(_HINTS.get(kind, "it has no counterpart"))


# -- windows -----------------------------------------------------------------------------------


def _windows(operator: Operator, kernel: tuple[int, ...], size: tuple[int, ...]) -> Windows:
    """The windows of a convolution or a pool, with the padding that `auto_pad` asks for."""
    axes = len(kernel)
    stride = tuple(operator.get("strides", [1] * axes))
    dilation = tuple(operator.get("dilations", [1] * axes))
    pads = list(operator.get("pads", [0] * (2 * axes)))
    begin, end = tuple(pads[:axes]), tuple(pads[axes:])
    plain = Windows(kernel, stride, begin, end, dilation)
    mode = operator.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID", ""):
        none = (0,) * axes
        return plain if mode != "VALID" else Windows(kernel, stride, none, none, dilation)
    parts = zip(size, stride, plain.extent, strict=True)
    totals = [max((-(-n // s) - 1) * s + extent - n, 0) for n, s, extent in parts]
    first = tuple(t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in totals)
    last = tuple(t - f for t, f in zip(totals, first, strict=True))
    return Windows(kernel, stride, first, last, dilation)


def _counts(operator: Operator, windows: Windows, size: tuple[int, ...]) -> tuple[int, ...]:
    """How many windows there are, the last of which may hang over with `ceil_mode`."""
    if not operator.get("ceil_mode", 0):
        return windows.counts(size)
    counts = []
    for axis, n in enumerate(size):
        padded = n + windows.begin[axis] + windows.end[axis]
        stride = windows.stride[axis]
        count = -(-(padded - windows.extent[axis]) // stride) + 1
        if (count - 1) * stride >= n + windows.begin[axis]:
            count -= 1  # it would begin in the padding at the end
        counts.append(count)
    return tuple(counts)


def _convolution(operator: Operator) -> list[Any]:
    value, weight = operator.tensor(), operator.constant(1)
    windows = _windows(operator, weight.shape[2:], value.shape[2:])
    groups = int(operator.get("group", 1))
    bias = operator.optional(2)
    arguments = (value, weight, bias, windows, groups, operator.origin)
    return [linear.convolution(operator.builder, *arguments)]


def _transposed_convolution(operator: Operator) -> list[Any]:
    value, weight = operator.tensor(), operator.constant(1)
    axes = weight.ndim - 2
    size = value.shape[2:]
    if operator.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise UnsupportedLayerError("auto_pad of a transposed convolution: give pads")
    plain = _windows(operator, weight.shape[2:], size)
    more = tuple(operator.get("output_padding", [0] * axes))
    begin, end = plain.begin, tuple(e - m for e, m in zip(plain.end, more, strict=True))
    wanted = operator.get("output_shape", None)
    if wanted is not None:
        parts = zip(size, plain.stride, plain.extent, wanted[-axes:], more, strict=True)
        totals = [(n - 1) * s + m + extent - out for n, s, extent, out, m in parts]
        begin = tuple(t // 2 for t in totals)
        end = tuple(t - t // 2 - m for t, m in zip(totals, more, strict=True))
    windows = Windows(plain.kernel, plain.stride, begin, end, plain.dilation)
    groups, bias = int(operator.get("group", 1)), operator.optional(2)
    arguments = (value, weight, bias, windows, groups, operator.origin)
    return [linear.transposed_convolution(operator.builder, *arguments)]


def _average_pool(operator: Operator) -> list[Any]:
    value = operator.tensor()
    size = value.shape[2:]
    windows = _windows(operator, tuple(operator.get("kernel_shape", [])), size)
    if max(windows.dilation) > 1:
        raise UnsupportedLayerError("an average over dilated windows")
    counts = _counts(operator, windows, size)
    divisors = window_sizes(windows, size, counts, bool(operator.get("count_include_pad", 0)))
    arguments = (value, windows, counts, divisors, operator.origin)
    return [linear.average_pool(operator.builder, *arguments)]


def _max_pool(operator: Operator) -> list[Any]:
    value = operator.tensor()
    size = value.shape[2:]
    windows = _windows(operator, tuple(operator.get("kernel_shape", [])), size)
    counts = _counts(operator, windows, size)
    return [nonlinear.max_pool(operator.builder, value, windows, counts, operator.origin), None]


def _global_average(operator: Operator) -> list[Any]:
    value = operator.tensor()
    axes = list(range(2, len(value.shape)))
    factor = 1 / int(np.prod(value.shape[2:]))
    return [linear.summed(operator.builder, value, axes, True, factor, operator.origin)]


def _global_maximum(operator: Operator) -> list[Any]:
    value = operator.tensor()
    axes = set(range(2, len(value.shape)))
    return [nonlinear.largest_of_axes(operator.builder, value, axes, True, operator.origin)]


# -- sums and products -------------------------------------------------------------------------


def _axes(operator: Operator, rank: int) -> list[int] | None:
    given = operator.integers(1, "axes")
    if not given:
        return None if operator.get("noop_with_empty_axes", 0) else list(range(rank))
    return sorted({axis % rank for axis in given})


def _reduced(operator: Operator) -> list[Any]:
    value = operator.tensor()
    axes = _axes(operator, len(value.shape))
    if axes is None:
        return [value]
    if operator.kind == "ReduceSumSquare":
        value = value.power(2, operator.step)
    count = int(np.prod([value.shape[axis] for axis in axes]))
    factor = 1 / count if operator.kind == "ReduceMean" else 1.0
    keep = bool(operator.get("keepdims", 1))
    return [linear.summed(operator.builder, value, axes, keep, factor, operator.origin)]


def _largest(operator: Operator) -> list[Any]:
    value = operator.tensor()
    axes = set(_axes(operator, len(value.shape)) or ())
    keep = bool(operator.get("keepdims", 1))
    return [nonlinear.largest_of_axes(operator.builder, value, axes, keep, operator.origin)]


def _matrix_product(operator: Operator) -> list[Any]:
    left, right = operator.operand(0), operator.operand(1)
    builder, origin = operator.builder, operator.origin
    if isinstance(left, Elements) and isinstance(right, Elements):
        return [linear.product_of_tensors(builder, left, right, origin)]
    if isinstance(left, Elements):
        assert not isinstance(right, Elements)
        return [linear.product(builder, left, right, False, origin)]
    assert isinstance(right, Elements)
    return [linear.product(builder, right, left, True, origin)]


def _general_product(operator: Operator) -> list[Any]:
    value = operator.tensor()
    if operator.get("transA", 0):
        raise UnsupportedLayerError("transA moves the batch axis")
    weight = operator.constant(1)
    weight = float(operator.get("alpha", 1.0)) * (weight.T if operator.get("transB", 0) else weight)
    added = operator.given(2)
    if added is None:
        return [linear.product(operator.builder, value, weight, False, operator.origin)]
    beta = float(operator.get("beta", 1.0))
    if isinstance(added, Elements):
        found = linear.product(operator.builder, value, weight, False, operator.step)
        other = nonlinear.scaled(added, beta, operator.origin)
        return [operator.builder.add(found, other, operator.origin)]
    bias = beta * operator.constant(2)
    if bias.size == weight.shape[1]:
        bias = bias.reshape(-1)
    return [linear.with_bias(operator.builder, value, weight, bias, operator.origin)]


def _batch_norm(operator: Operator) -> list[Any]:
    if operator.get("training_mode", 0):
        raise UnsupportedLayerError(_NORM)
    gamma, beta, mean, variance = (operator.constant(k) for k in (1, 2, 3, 4))
    epsilon = float(operator.get("epsilon", 1e-5))
    statistics = (mean, variance, gamma, beta)
    value = operator.tensor()
    return [linear.batch_norm(operator.builder, value, statistics, epsilon, operator.origin)]


def _resized(operator: Operator) -> list[Any]:
    if operator.get("mode", "nearest") == "nearest":
        return moved(operator)
    value = operator.tensor()
    run = operator.move()
    shape = run(np.zeros(value.shape)).shape
    by_channel = shape[:2] == value.shape[:2] and len(shape) > 2
    return [_by_units(operator, value, run, shape, by_channel)]


def _summed_up(operator: Operator) -> list[Any]:
    value, axis = operator.tensor(), operator.constant(1)
    if int(axis.flat[0]) % len(value.shape) == 0:
        raise UnsupportedLayerError("it sums over the batch axis; each answer is of one image")
    return [_by_units(operator, value, operator.move(), value.shape, False)]


def _einsum(operator: Operator) -> list[Any]:
    tensors = [k for k, x in enumerate(operator.inputs) if isinstance(x, Elements)]
    if len(tensors) > 1:
        raise UnsupportedLayerError("an einsum of two tensors: use MatMul or Mul and ReduceSum")
    equation = str(operator.get("equation", "")).replace(" ", "")
    terms, _, result = equation.partition("->")
    parts = terms.split(",")
    batch = parts[tensors[0]][:1]
    others = [part for k, part in enumerate(parts) if k != tensors[0]]
    if not batch.isalpha() or result[:1] != batch or any(batch in part for part in others):
        raise UnsupportedLayerError(f"the equation {equation!r} does not keep the batch axis first")
    value, run = operator.tensor(tensors[0]), operator.move(tensors[0])
    return [_by_units(operator, value, run, run(np.zeros(value.shape)).shape, False)]


def _by_units(
    operator: Operator,
    value: Elements,
    run: Callable[[FloatArray], FloatArray],
    shape: tuple[int, ...],
    by_channel: bool,
) -> Elements:
    """A linear operator by its values for unit vectors, as many at once as it is run with."""
    count = value.shape[0]
    channels = value.shape[1] if by_channel else 1

    def function(units: FloatArray) -> FloatArray:
        found = []
        for start in range(0, len(units), count):
            part = units[start : start + count]
            full = np.zeros((count, *part.shape[1:]))
            full[: len(part)] = part
            if by_channel:
                full = np.repeat(full, channels, axis=1)
            result = run(full)[: len(part)]
            found.append(result[:, :1] if by_channel else result)
        return np.concatenate(found)

    origin = operator.origin
    return linear.probed(operator.builder, value, function, shape, by_channel, origin)


_LINEAR: dict[str, Callable[[Operator], list[Any]]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "MaxPool": _max_pool,
    "GlobalMaxPool": _global_maximum,
    "ReduceMean": _reduced,
    "ReduceSum": _reduced,
    "ReduceSumSquare": _reduced,
    "ReduceMax": _largest,
    "MatMul": _matrix_product,
    "Gemm": _general_product,
    "BatchNormalization": _batch_norm,
    "Resize": _resized,
    "Upsample": _resized,
    "CumSum": _summed_up,
    "Einsum": _einsum,
}
