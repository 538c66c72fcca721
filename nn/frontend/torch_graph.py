"""torch.fx graphs to nodes. Importing this file imports torch."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import fx
from torch import nn as torch_nn
from torch.nn import functional

from nn.errors import ConversionError, ShapeError, UnsupportedLayerError
from nn.frontend.symbolic_polynomial import (
    Arrangement,
    SymbolicPolynomial,
    base_value,
    constant,
)
from nn.frontend.torch_modules import CONVERTERS, PASSED_THROUGH, convert_module
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Node
from nn.network.layers import Add, Flatten, Layer

ACCEPTED = (
    "accepted are Conv2d, Linear, AvgPool2d, AdaptiveAvgPool2d, Flatten, BatchNorm1d/2d, Identity, "
    "Dropout, PolynomialActivation, sums of two values, and polynomials of one value"
)

_FLATTENS = (torch.flatten, "flatten", "view", "reshape", torch.reshape)
_ADDS = (operator.add, operator.iadd, torch.add, "add", "add_")
_SUBTRACTS = (operator.sub, operator.isub, torch.sub, "sub", "sub_")
_MULTIPLIES = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
_POWERS = (operator.pow, torch.pow, "pow", "pow_")
_SQUARES = (torch.square, "square", "square_")
_NEGATIONS = (operator.neg, torch.neg, "neg")
_DROPPED = (functional.dropout, functional.dropout2d, "contiguous")
# Functions that do what a module does: the module, and the names of the positional arguments.
_AVERAGE_POOL = "input kernel_size stride padding ceil_mode count_include_pad divisor_override"
_POOLS: dict[Any, tuple[type[torch_nn.Module], list[str]]] = {
    functional.avg_pool2d: (torch_nn.AvgPool2d, _AVERAGE_POOL.split()),
    functional.adaptive_avg_pool2d: (torch_nn.AdaptiveAvgPool2d, ["input", "output_size"]),
}

WHOLE = (*CONVERTERS, *PASSED_THROUGH)
"""Modules that torch.fx does not look into: each becomes one node, or none."""


class GraphBuilder:
    """Walks one fx graph; `_values` holds the value of each tensor-valued fx node.

    origins: the fx node that has a node's value, by the node's name. arrangements: how torch
    computes each Polynomial that is no module, by the node's name.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        self._module = module
        self._graph = module.graph
        self._values: dict[fx.Node, SymbolicPolynomial] = {}
        self._nodes: dict[str, Node] = {}
        self.origins: dict[str, fx.Node] = {}
        self.arrangements: dict[str, Arrangement] = {}

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the graph, in order."""
        for node in self._graph.nodes:
            if node.op == "output":
                self._base(node.args[0])
            elif node.op == "placeholder":
                if INPUT in {value.base for value in self._values.values()}:
                    raise self._unsupported(node, "a second input")
                self._set(node, base_value(INPUT))
            elif node.op == "call_module":
                self._set(node, self._called_module(node))
            elif "tensor_meta" in node.meta:
                self._set(node, self._called_function(node))
            # else it computes sizes for a view
        return tuple(self._nodes.values())

    def _set(self, node: fx.Node, value: SymbolicPolynomial) -> None:
        self._values[node] = value
        if value.is_base:
            self.origins.setdefault(value.base, node)

    # -- fx nodes to values --------------------------------------------------------------------

    def _called_module(self, node: fx.Node) -> SymbolicPolynomial:
        module = self._module.get_submodule(str(node.target))
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or len(node.args) + len(node.kwargs) != 1:
            raise self._unsupported(node, "a call with anything but one tensor")
        if isinstance(module, PASSED_THROUGH):
            return self._values[source]
        try:
            layer = convert_module(module, _shape(source))
        except UnsupportedLayerError as error:
            raise self._unsupported(node, str(error)) from error
        return self._emit(str(node.target), layer, self._base(source))

    def _called_function(self, node: fx.Node) -> SymbolicPolynomial:
        target = node.target
        if target in _ADDS or target in _SUBTRACTS:
            return self._sum(node, -1.0 if target in _SUBTRACTS else 1.0)
        if target in _MULTIPLIES:
            return self._product(node)
        if target in _SQUARES:
            return self._power(node, self._operand(node, node.args[0]), 2)
        if target in _POWERS:
            return self._power(node, self._operand(node, node.args[0]), node.args[1])
        if target in _NEGATIONS:
            return self._operand(node, node.args[0]).scaled(-1.0)
        if target in _FLATTENS:
            return self._flatten(node)
        if target in _DROPPED:
            return self._operand(node, node.args[0])
        if target in _POOLS:
            return self._average_pool(node)
        raise self._unsupported(node)

    def _sum(self, node: fx.Node, sign: float) -> SymbolicPolynomial:
        if set(node.kwargs) - {"other"}:
            raise self._unsupported(node, f"with {sorted(node.kwargs)}")
        left, right = (self._operand(node, value) for value in self._two(node))
        right = right if sign == 1 else right.scaled(sign)
        if left.base == right.base or not right.base or not left.base:
            return left.plus(right)
        names = [self._materialise(node, value) for value in (left, right)]
        return self._emit(_scoped("add", node), Add(), *names)

    def _product(self, node: fx.Node) -> SymbolicPolynomial:
        left, right = (self._operand(node, value) for value in self._two(node))
        if left.base and right.base and left.base != right.base:
            raise self._unsupported(node, "the product of two different values")
        return left.times(right)

    def _power(self, node: fx.Node, value: SymbolicPolynomial, exponent: Any) -> SymbolicPolynomial:
        if not isinstance(exponent, (int, float)) or exponent != int(exponent) or exponent < 1:
            raise self._unsupported(node, f"the power {exponent!r}, not a positive integer")
        result = value
        for _ in range(int(exponent) - 1):
            result = result.times(value)
        return result

    def _flatten(self, node: fx.Node) -> SymbolicPolynomial:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        before, after = _shape(source, batch=True), _shape(node, batch=True)
        if after != (before[0], int(np.prod(before[1:]))):
            raise self._unsupported(
                node, f"{before} to {after}; only {(before[0], int(np.prod(before[1:])))}"
            )
        if len(before) == 2:
            return self._values[source]
        return self._emit(_scoped("flatten", node), Flatten(), self._base(source))

    def _average_pool(self, node: fx.Node) -> SymbolicPolynomial:
        kind, names = _POOLS[node.target]
        bound: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        source = bound.pop("input")
        try:
            layer = convert_module(kind(**bound), _shape(source))
        except UnsupportedLayerError as error:
            raise self._unsupported(node, str(error)) from error
        return self._emit(_scoped("avg_pool2d", node), layer, self._base(source))

    # -- operands and nodes --------------------------------------------------------------------

    def _two(self, node: fx.Node) -> tuple[Any, Any]:
        operands = [*node.args, *(node.kwargs[key] for key in ("other",) if key in node.kwargs)]
        if len(operands) != 2:
            raise self._unsupported(node, f"with {len(operands)} operands")
        return operands[0], operands[1]

    def _operand(self, node: fx.Node, value: Any) -> SymbolicPolynomial:
        """A tensor's value, or a number as a polynomial of degree 0 without a base."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return constant(float(value))
        if isinstance(value, fx.Node) and value in self._values:
            return self._values[value]
        raise self._unsupported(node, f"the operand {value}")

    def _base(self, node: Any) -> str:
        """The name of the node with this fx node's value; the node is made if there is none."""
        if not isinstance(node, fx.Node) or node not in self._values:
            raise ConversionError(
                f"{node} is not a tensor that is computed from the input"
            )
        name = self._materialise(node, self._values[node])
        self._set(node, base_value(name))
        return name

    def _materialise(self, node: fx.Node, value: SymbolicPolynomial) -> str:
        if value.is_base:
            return value.base
        coefficients = np.trim_zeros(value.coefficients, "b")
        layer = Polynomial(coefficients if coefficients.size else np.zeros(1))
        name = self._emit(_scoped("polynomial", node), layer, value.base).base
        self.arrangements[name] = value.arrangement
        return name

    def _emit(self, name: str, layer: Layer, *inputs: str) -> SymbolicPolynomial:
        unique, count = name, 1
        while unique in self._nodes or unique == INPUT:
            count += 1
            unique = f"{name}_{count}"
        self._nodes[unique] = Node(unique, layer, inputs)
        return base_value(unique)

    def _unsupported(self, node: fx.Node, detail: str = "") -> UnsupportedLayerError:
        position = list(self._graph.nodes).index(node)
        if node.op == "call_module":
            kind = type(self._module.get_submodule(str(node.target))).__name__
            what = f"layer {kind} at {node.target!r}"
        else:
            what = f"operation {getattr(node.target, '__name__', node.target)} ({node.name!r})"
        where = f"step {position} of {len(self._graph.nodes) - 2} in {type(self._module).__name__}"
        return UnsupportedLayerError(
            f"{what}, {where}, is not supported{': ' + detail if detail else ''}; {ACCEPTED}"
        )


def _scoped(name: str, node: fx.Node) -> str:
    """`name`, behind the qualified name of the submodule whose forward contains the operation."""
    scope = [path for path in node.meta.get("nn_module_stack", ()) if path]
    return f"{scope[-1]}.{name}" if scope else name


def _shape(node: Any, batch: bool = False) -> tuple[int, ...]:
    """The shape of a tensor-valued fx node, by default without the batch axis."""
    meta = node.meta.get("tensor_meta") if isinstance(node, fx.Node) else None
    if meta is None:
        raise ShapeError(f"{node} is not a tensor")
    shape = tuple(int(length) for length in meta.shape)
    return shape if batch else shape[1:]
