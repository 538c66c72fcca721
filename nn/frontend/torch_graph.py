"""torch.fx graphs to nodes. Importing this file imports torch."""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch import nn as torch_nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from nn.errors import ConversionError, ShapeError, UnsupportedLayerError
from nn.frontend.torch_modules import CONVERTERS, PASSED_THROUGH, convert_module
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Node
from nn.network.layers import Add, Flatten, FloatArray, Layer

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


def trace(module: torch_nn.Module, example: Tensor) -> tuple[tuple[Node, ...], Tensor]:
    """The nodes of `module` in evaluation mode, and its output on the float64 `example`.

    Both come from a float64 copy of the module, so that they can be compared far below the rounding
    of float32. Raises `UnsupportedLayerError` or `ConversionError`, as `nn.from_torch` says.
    """
    title = type(module).__name__
    module = copy.deepcopy(module).eval().double()
    expected = _run(module, example)
    if isinstance(module, _WHOLE):
        # A single layer: fx would look inside the root.
        module = torch_nn.Sequential(OrderedDict({title.lower(): module}))
    try:
        graph = _Tracer().trace(module)
    except Exception as error:
        # fx raises whatever the module's own code raises on its symbolic values.
        raise ConversionError(
            f"torch.fx cannot follow {title}.forward ({error}); it must not branch or loop on the "
            "values of tensors"
        ) from error
    traced = fx.GraphModule(module, graph, title)
    traced.graph.eliminate_dead_code()
    with torch.no_grad():
        ShapeProp(traced).propagate(example.clone())
    return _Builder(traced).nodes(), expected


_WHOLE = (*CONVERTERS, *PASSED_THROUGH)


def _run(module: torch_nn.Module, example: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            output = module(example.clone())
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConversionError(
            f"{type(module).__name__} fails on the example of shape {tuple(example.shape)}: {error}"
        ) from error
    if not isinstance(output, Tensor):
        raise ConversionError(
            f"{type(module).__name__} returns {type(output).__name__}; one tensor is needed"
        )
    return output


class _Tracer(fx.Tracer):
    """Does not look into modules that have converters, or into their subclasses."""

    def is_leaf_module(self, module: torch_nn.Module, qualified_name: str) -> bool:
        return isinstance(module, _WHOLE) or super().is_leaf_module(module, qualified_name)


@dataclass(frozen=True)
class _Value:
    """``sum_k coefficients[k] base^k``: a polynomial of a node's value, not yet a node itself.

    So ``0.5 * x + 0.25 * x ** 2`` becomes one Polynomial.
    """

    base: str
    coefficients: FloatArray

    @property
    def is_base(self) -> bool:
        return np.array_equal(self.coefficients, [0.0, 1.0])


def _value(base: str) -> _Value:
    return _Value(base, np.array([0.0, 1.0]))


class _Builder:
    """Walks one fx graph; `_values` holds the value of each tensor-valued fx node."""

    def __init__(self, module: fx.GraphModule) -> None:
        self._module = module
        self._graph = module.graph
        self._values: dict[fx.Node, _Value] = {}
        self._nodes: dict[str, Node] = {}

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the graph, in order."""
        for node in self._graph.nodes:
            if node.op == "output":
                self._base(node.args[0])
            elif node.op == "placeholder":
                if INPUT in {value.base for value in self._values.values()}:
                    raise self._unsupported(node, "a second input")
                self._values[node] = _value(INPUT)
            elif node.op == "call_module":
                self._values[node] = self._called_module(node)
            elif "tensor_meta" in node.meta:
                self._values[node] = self._called_function(node)
            # else it computes sizes for a view
        return tuple(self._nodes.values())

    # -- fx nodes to values --------------------------------------------------------------------

    def _called_module(self, node: fx.Node) -> _Value:
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

    def _called_function(self, node: fx.Node) -> _Value:
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
            value = self._operand(node, node.args[0])
            return _Value(value.base, -value.coefficients)
        if target in _FLATTENS:
            return self._flatten(node)
        if target in _DROPPED:
            return self._operand(node, node.args[0])
        if target in _POOLS:
            return self._average_pool(node)
        raise self._unsupported(node)

    def _sum(self, node: fx.Node, sign: float) -> _Value:
        if set(node.kwargs) - {"other"}:
            raise self._unsupported(node, f"with {sorted(node.kwargs)}")
        left, right = (self._operand(node, value) for value in self._two(node))
        if left.base == right.base or not right.base or not left.base:
            length = max(len(left.coefficients), len(right.coefficients))
            total = np.zeros(length)
            total[: len(left.coefficients)] += left.coefficients
            total[: len(right.coefficients)] += sign * right.coefficients
            return _Value(left.base or right.base, total)
        names = [self._materialise(node, left)]
        names.append(self._materialise(node, _Value(right.base, sign * right.coefficients)))
        return self._emit(_scoped("add", node), Add(), *names)

    def _product(self, node: fx.Node) -> _Value:
        left, right = (self._operand(node, value) for value in self._two(node))
        if left.base and right.base and left.base != right.base:
            raise self._unsupported(node, "the product of two different values")
        product = np.convolve(left.coefficients, right.coefficients)
        return _Value(left.base or right.base, product)

    def _power(self, node: fx.Node, value: _Value, exponent: Any) -> _Value:
        if not isinstance(exponent, (int, float)) or exponent != int(exponent) or exponent < 1:
            raise self._unsupported(node, f"the power {exponent!r}, not a positive integer")
        result = np.array([1.0])
        for _ in range(int(exponent)):
            result = np.convolve(result, value.coefficients)
        return _Value(value.base, result)

    def _flatten(self, node: fx.Node) -> _Value:
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

    def _average_pool(self, node: fx.Node) -> _Value:
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

    def _operand(self, node: fx.Node, value: Any) -> _Value:
        """A tensor's value, or a number as a polynomial of degree 0 without a base."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _Value("", np.array([float(value)]))
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
        self._values[node] = _value(name)
        return name

    def _materialise(self, node: fx.Node, value: _Value) -> str:
        if value.is_base:
            return value.base
        coefficients = np.trim_zeros(value.coefficients, "b")
        layer = Polynomial(coefficients if coefficients.size else np.zeros(1))
        return self._emit(_scoped("polynomial", node), layer, value.base).base

    def _emit(self, name: str, layer: Layer, *inputs: str) -> _Value:
        unique, count = name, 1
        while unique in self._nodes or unique == INPUT:
            count += 1
            unique = f"{name}_{count}"
        self._nodes[unique] = Node(unique, layer, inputs)
        return _value(unique)

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
