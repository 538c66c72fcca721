"""Single ATen operations on tensors of a traced model. Importing this file imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.utils import _pytree

from nn.errors import UnsupportedLayerError
from nn.frontend import nonlinear_operations
from nn.frontend.elements import Elements, Inner, Move, inner
from nn.frontend.network_builder import NetworkBuilder, Operand
from nn.network.layers import FloatArray

DIVISION = "a division by encrypted values is no polynomial: divide by constants only"


def operation_name(target: Any) -> str:
    """The name of an ATen operation; a functional form has that of the form in place."""
    schema = getattr(target, "_schema", None)
    name = schema.name.split("::")[-1] if schema else getattr(target, "__name__", str(target))
    return str(name).removesuffix("_copy") if name != "_to_copy" else "_to_copy"


def is_random(target: Any) -> bool:
    """Whether an operation draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


class Call:
    """One operation with its arguments: tensors as `Elements`, constants as torch tensors.

    result: what the operation gave in the model itself.
    """

    def __init__(
        self, builder: NetworkBuilder, node: fx.Node, args: Any, kwargs: Any, result: Any
    ) -> None:
        self.builder = builder
        self.origin = node
        self.step: Inner = inner(node)
        self.target: Any = node.target
        self.name = operation_name(node.target)
        self.result = result
        self.args, self.kwargs = args, kwargs
        self._by_name: dict[str, Any] = {}
        schema = getattr(node.target, "_schema", None)
        if schema is not None:
            names = [argument.name for argument in schema.arguments]
            defaults = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
            self._by_name = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}

    def __getitem__(self, name: str) -> Any:
        return self._by_name[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        """An argument, if the operation has it and it is not None."""
        found = self._by_name.get(name)
        return otherwise if found is None else found

    def has(self, name: str) -> bool:
        """Whether the operation has an argument of this name that is not None."""
        return self._by_name.get(name) is not None

    @property
    def numbers(self) -> dict[str, float]:
        """The arguments that are plain numbers."""
        return {
            name: value
            for name, value in self._by_name.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple(self.result.shape)

    def tensor(self, name: str = "self") -> Elements:
        """An argument that must be computed from the input."""
        value = self[name]
        if not isinstance(value, Elements):
            raise UnsupportedLayerError(f"with a constant as {name}")
        return value

    def constant(self, name: str) -> FloatArray:
        """An argument that must be a constant."""
        if isinstance(self[name], Elements):
            raise UnsupportedLayerError(f"its {name} is computed from the input; a constant needed")
        return numbers_of(self[name])

    def operand(self, name: str) -> Operand:
        """An argument that may be either."""
        value = self[name]
        return value if isinstance(value, Elements) else numbers_of(value)

    def item(self) -> Any:
        """``operator.getitem``: one of several results."""
        found = self.args[0][self.args[1]]
        return replace(found, origin=self.origin) if isinstance(found, Elements) else found

    def run(self, arrays: dict[str, FloatArray]) -> Any:
        """The operation itself, with arrays in place of arguments: an array, or several."""
        given = {
            name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()
        }
        values = {**self._by_name, **given}
        arguments = self.target._schema.arguments
        keywords = {a.name: values.get(a.name) for a in arguments if a.kwarg_only}
        with torch.no_grad():
            found = self.target(
                *(values.get(a.name) for a in arguments if not a.kwarg_only), **keywords
            )
        return _pytree.tree_map(lambda x: x.numpy() if isinstance(x, Tensor) else x, found)

    def others(self, name: str) -> list[Any]:
        """All arguments but one, and what they hold."""
        return [
            leaf
            for key, value in self._by_name.items()
            if key != name
            for leaf in _pytree.tree_leaves(value)
        ]


def images_of(value: Elements, axes: int) -> Elements:
    """A tensor (B, C, ..) with so many axes behind the channels; raises for any other."""
    if len(value.shape) != axes + 2:
        raise UnsupportedLayerError(
            f"it takes axis 0 of {value.shape} for the channels: keep the axes (B, C, ..)"
        )
    return value


def numbers_of(value: Any) -> FloatArray:
    """A number or a torch tensor as a float64 array."""
    if isinstance(value, Tensor):
        return np.asarray(value.detach().cpu().double().numpy(), dtype=np.float64)
    return np.asarray(value, dtype=np.float64)


def moved(call: Call, name: str = "self") -> Any:
    """An operation that only moves the elements of one tensor, to one result or several."""
    if any(isinstance(leaf, Elements) for leaf in call.others(name)):
        raise UnsupportedLayerError("places that are computed from the input")
    value = call.builder.settled(call.tensor(name))
    if isinstance(call.result, Tensor):
        return value.moved(lambda array: np.asarray(call.run({name: array})), call.origin)

    def part(k: int) -> Move:
        return lambda array: np.asarray(call.run({name: array})[k])

    return [value.moved(part(k), call.step) for k in range(len(call.result))]


# -- arithmetic --------------------------------------------------------------------------------


def _add(call: Call) -> Operand:
    other = scaled(call, call.operand("other"), float(call.get("alpha", 1)))
    return call.builder.add(call.operand("self"), other, call.origin)


def _subtract(call: Call) -> Operand:
    other = scaled(call, call.operand("other"), -float(call.get("alpha", 1)))
    return call.builder.add(call.operand("self"), other, call.origin)


def _reversed_subtract(call: Call) -> Operand:
    own = scaled(call, call.operand("self"), -float(call.get("alpha", 1)))
    return call.builder.add(call.operand("other"), own, call.origin)


def scaled(call: Call, value: Operand, factor: float) -> Operand:
    """A number times an operand, as a step within an operation."""
    return nonlinear_operations.scaled(value, factor, call.origin)


def _multiply(call: Call) -> Operand:
    return call.builder.multiply(call.operand("self"), call.operand("other"), call.origin)


def _divide(call: Call) -> Operand:
    if call.get("rounding_mode"):
        raise UnsupportedLayerError("it rounds, which is no polynomial")
    if isinstance(call["other"], Elements):
        raise UnsupportedLayerError(DIVISION)
    divisor = numbers_of(call["other"])
    if not divisor.all():
        raise UnsupportedLayerError("it divides by zero")
    # A factor 1 / d has two roundings, d has one.
    return call.tensor().scaled(1 / divisor, call.origin, 2)


def _power(call: Call) -> Operand:
    exponent = call["exponent"]
    if isinstance(exponent, Elements) or (isinstance(exponent, Tensor) and exponent.numel() != 1):
        raise UnsupportedLayerError("a power with a tensor as exponent is no polynomial")
    number = float(exponent)
    if number < 1 or number != int(number) or number > 64:
        raise UnsupportedLayerError(f"the power {exponent!r}, not a positive integer up to 64")
    return call.tensor().power(int(number), call.origin)


def _addcmul(call: Call) -> Operand:
    product = call.builder.multiply(call.operand("tensor1"), call.operand("tensor2"), call.step)
    term = scaled(call, product, float(call.get("value", 1)))
    return call.builder.add(call.operand("self"), term, call.origin)


def _addcdiv(call: Call) -> Operand:
    if isinstance(call["tensor2"], Elements):
        raise UnsupportedLayerError(DIVISION)
    factor = float(call.get("value", 1)) / numbers_of(call["tensor2"])
    product = call.builder.multiply(call.operand("tensor1"), factor, call.step)
    return call.builder.add(call.operand("self"), product, call.origin)


def _lerp(call: Call) -> Operand:
    if isinstance(call["weight"], Elements):
        raise UnsupportedLayerError("a weight that is computed from the input")
    start, end = call.operand("self"), call.operand("end")
    gap = call.builder.add(end, scaled(call, start, -1.0), call.step)
    part = call.builder.multiply(gap, numbers_of(call["weight"]), call.step)
    return call.builder.add(start, part, call.origin)


# -- choices with constant masks ---------------------------------------------------------------


def _where(call: Call) -> Operand:
    return _chosen(call, call["condition"], call.operand("self"), call.operand("other"))


def _masked_fill(call: Call) -> Operand:
    return _chosen(call, call["mask"], call.operand("value"), call.operand("self"))


def _chosen(call: Call, mask: Any, first: Operand, second: Operand) -> Operand:
    if isinstance(mask, Elements):
        raise UnsupportedLayerError("a condition on encrypted values is no polynomial")
    full = np.broadcast_to(numbers_of(mask) != 0, call.shape)
    return call.builder.chosen(full, first, second, call.origin)


def _scattered(call: Call) -> Operand:
    """``slice_scatter`` and its relatives: a tensor with some places taken by another one."""
    source, zeros = call.operand("src"), np.zeros(call.shape)

    def place(array: FloatArray) -> FloatArray:
        return np.asarray(call.run({"self": zeros, "src": array}))

    mask = place(np.ones(source.shape)) != 0
    placed: Operand = place(source) if not isinstance(source, Elements) else source
    if isinstance(placed, Elements):
        placed = call.builder.settled(placed).moved(place, call.step)
    return call.builder.chosen(mask, placed, call.operand("self"), call.origin)


def _copied(call: Call) -> Operand:
    """``copy``: another tensor in the shape of the first one."""
    source = call.operand("src")
    mask = np.ones(call.shape, dtype=bool)
    return call.builder.chosen(mask, source, np.zeros(call.shape), call.origin)


def _constant_pad(call: Call) -> Elements:
    fill = float(call.get("value", 0))
    pads = list(call["pad"])

    def pad(array: FloatArray) -> FloatArray:
        return torch.constant_pad_nd(torch.from_numpy(array), pads).numpy()

    return call.builder.settled(call.tensor()).filled(pad, fill, call.origin)


def _converted(call: Call) -> Any:
    dtype = call.get("dtype")
    if dtype is not None and not dtype.is_floating_point:
        raise UnsupportedLayerError(f"numbers rounded to {dtype} are no polynomial")
    return call.tensor()


def _joined(call: Call) -> Operand:
    parts = [x if isinstance(x, Elements) else numbers_of(x) for x in call["tensors"]]
    axis = int(call.get("dim", 0))
    if call.name == "stack":
        axis %= len(call.shape)
        parts = [
            call.builder.settled(part).moved(lambda array: np.expand_dims(array, axis), call.step)
            if isinstance(part, Elements)
            else np.expand_dims(part, axis)
            for part in parts
        ]
    kept = [part for part in parts if part.shape != (0,)]
    return call.builder.joined(kept, axis % len(call.shape), call.origin)


ARITHMETIC: dict[str, Callable[[Call], Any]] = {
    "add": _add,
    "sub": _subtract,
    "rsub": _reversed_subtract,
    "mul": _multiply,
    "div": _divide,
    "true_divide": _divide,
    "neg": lambda call: call.tensor().scaled(-1.0, call.origin, 0),
    "pow": _power,
    "square": lambda call: call.tensor().power(2, call.origin),
    "addcmul": _addcmul,
    "addcdiv": _addcdiv,
    "lerp": _lerp,
    "where": _where,
    "masked_fill": _masked_fill,
    "slice_scatter": _scattered,
    "select_scatter": _scattered,
    "diagonal_scatter": _scattered,
    "copy": _copied,
    "constant_pad_nd": _constant_pad,
    "_to_copy": _converted,
    "cat": _joined,
    "stack": _joined,
}
"""Operations on elements one by one, and those that choose among tensors."""
