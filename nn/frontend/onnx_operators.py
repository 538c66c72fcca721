"""Single ONNX operators on tensors of a model. Importing this file imports onnx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from nn.errors import UnsupportedLayerError
from nn.frontend import nonlinear_operations as nonlinear
from nn.frontend.activations import ONNX, advice, recognised
from nn.frontend.elements import Elements, Inner, inner
from nn.frontend.network_builder import NetworkBuilder, Operand
from nn.network.layers import FloatArray

MOST_ELEMENTS = 1 << 24
"""The most elements that an operator may make."""

_GROWING = ("ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "Upsample")


class Operator:
    """One operator with its inputs: tensors as `Elements`, constants as arrays, None where absent.

    origin: the name of its first output, which stands for the operator's value.
    """

    def __init__(
        self, builder: NetworkBuilder, node: onnx.NodeProto, inputs: list[Any], opset: int
    ) -> None:
        self.builder = builder
        self.node = self.node_given = node
        self.kind = node.op_type
        self.inputs = inputs
        self.opset = opset
        self.origin: Any = node.output[0] if node.output else ""
        self.step: Inner = inner(self.origin)
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if self.kind in ("Squeeze", "Unsqueeze") and "axes" in self._attributes:
            self._take_axes()

    def get(self, name: str, otherwise: Any) -> Any:
        """An attribute, text as a str."""
        found = self._attributes.get(name, otherwise)
        return found.decode() if isinstance(found, bytes) else found

    def given(self, position: int) -> Any:
        """An input, or None."""
        return self.inputs[position] if position < len(self.inputs) else None

    def tensor(self, position: int = 0) -> Elements:
        """An input that must be computed from the model's input."""
        value = self.given(position)
        if not isinstance(value, Elements):
            raise UnsupportedLayerError(f"with a constant as input {position}")
        return value

    def constant(self, position: int) -> FloatArray:
        """An input that must be a constant, in float64."""
        value = self.given(position)
        if isinstance(value, Elements) or value is None:
            raise UnsupportedLayerError(f"its input {position} must be a constant")
        return np.asarray(value, dtype=np.float64)

    def optional(self, position: int) -> FloatArray | None:
        """A constant input in float64, or None."""
        return None if self.given(position) is None else self.constant(position)

    def operand(self, position: int) -> Operand:
        """An input that may be either."""
        value = self.given(position)
        return value if isinstance(value, Elements) else self.constant(position)

    def integers(self, position: int, attribute: str) -> list[int] | None:
        """A list of whole numbers, which was an attribute once and is an input now."""
        if self.given(position) is not None:
            return [int(x) for x in np.ravel(self.constant(position))]
        found = self._attributes.get(attribute)
        return None if found is None else [int(x) for x in np.ravel(found)]

    def _take_axes(self) -> None:
        """Make an input of the axes, which were an attribute before opset 13."""
        self.node = onnx.NodeProto()
        self.node.CopyFrom(self.node_given)
        del self.node.attribute[:]
        self.inputs = [self.inputs[0], np.array(self._attributes["axes"], dtype=np.int64)]
        self.opset = max(self.opset, 13)

    # -- the reference implementation ----------------------------------------------------------

    def run(self, arrays: Sequence[Any]) -> list[Any]:
        """The operator itself on arrays."""
        self._check_size(arrays)
        names = [f"x{k}" if array is not None else "" for k, array in enumerate(arrays)]
        node = onnx.NodeProto()
        node.CopyFrom(self.node)
        del node.input[:]
        node.input.extend(names)
        runner = ReferenceEvaluator(node, opsets={"": self.opset})
        feed = {n: a for n, a in zip(names, arrays, strict=True) if n}
        return list(runner.run(None, feed))

    def constants(self) -> list[Any]:
        """The outputs of an operator on constants."""
        return self.run(self.inputs)

    def _check_size(self, arrays: Sequence[Any]) -> None:
        """Raise `UnsupportedLayerError` for results of a size that no model has."""
        if self.kind not in _GROWING:
            return
        first = arrays[0] if arrays and arrays[0] is not None else np.zeros(())
        shape = np.asarray(np.shape(first), dtype=np.float64)
        for value in arrays[0 if self.kind in ("ConstantOfShape", "Range") else 1 :]:
            numbers = np.asarray(0 if value is None else value)
            if numbers.dtype.kind not in "iuf" or numbers.size > 16:
                continue
            large = np.maximum(np.abs(numbers.astype(np.float64)), 1)
            size = float(np.prod(large))
            if self.kind == "Pad" and numbers.size == 2 * shape.size:
                size = float(np.prod(shape + np.abs(numbers).reshape(2, -1).sum(axis=0)))
            elif self.kind == "Tile" or (self.kind != "Pad" and numbers.dtype.kind == "f"):
                size *= float(np.prod(shape))
            if not size <= MOST_ELEMENTS:
                raise UnsupportedLayerError(f"it makes {size:.3g} elements")

    def move(self, position: int = 0, output: int = 0) -> Callable[[FloatArray], FloatArray]:
        """The operator as a function of one input, the others being constants."""
        if any(isinstance(x, Elements) for k, x in enumerate(self.inputs) if k != position):
            raise UnsupportedLayerError("places that are computed from the input")

        def run(array: FloatArray) -> FloatArray:
            arrays = [array if k == position else x for k, x in enumerate(self.inputs)]
            return np.asarray(self.run(arrays)[output], dtype=np.float64)

        return run


def moved(operator: Operator) -> list[Any]:
    """An operator that only moves the elements of its first input."""
    value = operator.builder.settled(operator.tensor())
    outputs = [name for name in operator.node.output if name]
    if len(outputs) == 1:
        return [value.moved(operator.move(), operator.origin)]
    return [value.moved(operator.move(output=k), name) for k, name in enumerate(outputs)]


# -- arithmetic --------------------------------------------------------------------------------


def _add(operator: Operator) -> list[Any]:
    return [operator.builder.add(operator.operand(0), operator.operand(1), operator.origin)]


def _subtract(operator: Operator) -> list[Any]:
    other = nonlinear.scaled(operator.operand(1), -1.0, operator.origin)
    return [operator.builder.add(operator.operand(0), other, operator.origin)]


def _multiply(operator: Operator) -> list[Any]:
    return [operator.builder.multiply(operator.operand(0), operator.operand(1), operator.origin)]


def _divide(operator: Operator) -> list[Any]:
    if isinstance(operator.given(1), Elements):
        raise UnsupportedLayerError(
            "a division by encrypted values is no polynomial: divide by constants only"
        )
    divisor = operator.constant(1)
    if not divisor.all():
        raise UnsupportedLayerError("it divides by zero")
    return [operator.tensor().scaled(1 / divisor, operator.origin, 2)]


def _power(operator: Operator) -> list[Any]:
    if isinstance(operator.given(1), Elements):
        raise UnsupportedLayerError("a power with a tensor as exponent is no polynomial")
    exponent = operator.constant(1)
    number = float(exponent.flat[0])
    if np.ptp(exponent) or not 1 <= number <= 64 or number != int(number):
        raise UnsupportedLayerError(f"the power {number:g}, not a positive integer up to 64")
    return [operator.tensor().power(int(number), operator.origin)]


def _sum(operator: Operator) -> list[Any]:
    total: Operand = operator.operand(0)
    last = len(operator.inputs) - 1
    for position in range(1, last + 1):
        step = operator.origin if position == last else operator.step
        total = operator.builder.add(total, operator.operand(position), step)
    return [total]


def _mean_of_inputs(operator: Operator) -> list[Any]:
    (total,) = _sum(operator)
    return [total.scaled(1 / len(operator.inputs), operator.origin)]


def _extreme(operator: Operator) -> list[Any]:
    sign = 1.0 if operator.kind == "Max" else -1.0
    result: Operand = operator.operand(0)
    for position in range(1, len(operator.inputs)):
        step = operator.origin if position == len(operator.inputs) - 1 else operator.step
        other = operator.operand(position)
        if isinstance(result, Elements) or isinstance(other, Elements):
            result = nonlinear.larger(operator.builder, result, other, sign, step)
        else:
            result = np.maximum(result, other) if sign == 1 else np.minimum(result, other)
    return [result]


def _where(operator: Operator) -> list[Any]:
    if isinstance(operator.given(0), Elements):
        raise UnsupportedLayerError("a condition on encrypted values is no polynomial")
    first, second = operator.operand(1), operator.operand(2)
    mask = operator.constant(0) != 0
    full = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, first.shape, second.shape))
    return [operator.builder.chosen(full, first, second, operator.origin)]


def _joined(operator: Operator) -> list[Any]:
    parts = [operator.operand(k) for k in range(len(operator.inputs))]
    axis = int(operator.get("axis", 0))
    rank = max(len(part.shape) for part in parts)
    return [operator.builder.joined(parts, axis % rank, operator.origin)]


def _pad(operator: Operator) -> list[Any]:
    fill = operator.optional(2)
    value = operator.builder.settled(operator.tensor())
    number = 0.0 if fill is None or not fill.size else float(fill.flat[0])
    if operator.get("mode", "constant") != "constant" or number == 0:
        return moved(operator)
    run = operator.move()
    # The reference fills with its own constant: what it fills is what a run on 0 leaves.
    empty = run(np.zeros(value.shape))

    def move(array: FloatArray) -> FloatArray:
        return run(array) - empty

    return [value.filled(move, number, operator.origin)]


def _cast(operator: Operator) -> list[Any]:
    kind = helper.tensor_dtype_to_np_dtype(int(operator.get("to", 1)))
    if np.dtype(kind).kind != "f":
        raise UnsupportedLayerError(f"numbers rounded to {np.dtype(kind)} are no polynomial")
    return [operator.tensor()]


def _same(operator: Operator) -> list[Any]:
    return [operator.tensor(), None]


def _dropout(operator: Operator) -> list[Any]:
    training = operator.optional(2)
    if training is not None and training.any():
        raise UnsupportedLayerError("a dropout that drops: export the model for evaluation")
    return _same(operator)


def _shape(operator: Operator) -> list[Any]:
    return operator.run([np.zeros(operator.tensor().shape, dtype=np.float32)])


def _negated(operator: Operator) -> list[Any]:
    return [operator.tensor().scaled(-1.0, operator.origin, 0)]


# -- activations -------------------------------------------------------------------------------


def activation(operator: Operator) -> list[Any]:
    """A function of one number, by the table of activations."""
    value = operator.tensor()
    if operator.kind == "Clip":
        bounds = [operator.optional(k) for k in (1, 2)]
        if operator.opset < 11:
            bounds = [np.asarray(operator.get(k, None), np.float64) for k in ("min", "max")]
        return [nonlinear.clipped(operator.builder, value, bounds[0], bounds[1], operator.origin)]
    kind = operator.kind
    if kind == "Gelu" and operator.get("approximate", "none") == "tanh":
        kind = "Gelu_tanh"
    numbers = {
        a.name: float(a.f) for a in operator.node.attribute if a.type == onnx.AttributeProto.FLOAT
    }
    layer = recognised(ONNX, kind, numbers)
    if layer is None:
        raise UnsupportedLayerError(advice(operator.kind))
    return [nonlinear.activated(operator.builder, layer, value, operator.origin)]


def _sloped(operator: Operator) -> list[Any]:
    slope = operator.constant(1)
    return [nonlinear.sloped(operator.builder, operator.tensor(), slope, operator.origin)]


ARITHMETIC: dict[str, Callable[[Operator], list[Any]]] = {
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Neg": _negated,
    "Pow": _power,
    "Sum": _sum,
    "Mean": _mean_of_inputs,
    "Max": _extreme,
    "Min": _extreme,
    "Where": _where,
    "Concat": _joined,
    "Pad": _pad,
    "Cast": _cast,
    "CastLike": _same,
    "Dropout": _dropout,
    "Identity": _same,
    "Shape": _shape,
    "Size": _shape,
    "PRelu": _sloped,
}
"""Operators on elements one by one, and those that choose among tensors."""
