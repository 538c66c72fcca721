"""Activations and max-pools replaced in a module's graph. Importing this file imports torch."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.polynomial.chebyshev import cheb2poly
from torch import Tensor, fx, nn
from torch.nn import functional

from nn.approximation.fitting import fit
from nn.approximation.samples import Samples
from nn.errors import ApproximationError
from nn.frontend.torch_layers import PolynomialActivation
from nn.network.layers import FloatArray

_MODULES: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.SiLU,
    nn.GELU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.Softsign,
    nn.Mish,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Hardtanh,
    nn.LogSigmoid,
)
_FUNCTIONS = {
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "celu", "selu"),
    *("silu", "gelu", "sigmoid", "tanh", "softplus", "softsign", "mish", "hardswish"),
    *("hardsigmoid", "hardtanh", "logsigmoid", "abs"),
}
_POOLS = {"max_pool2d", "boolean_dispatch"}
_ADAPTIVE_POOLS = {"adaptive_max_pool2d"}


def traced(module: nn.Module) -> fx.GraphModule:
    """The module as a graph, also where it calls functions in place of modules."""
    try:
        return fx.symbolic_trace(copy.deepcopy(module))
    except Exception as error:  # torch.fx raises what the module's own code raises
        raise ApproximationError(
            f"torch.fx cannot trace {type(module).__name__} ({error}): its forward branches on "
            f"values; write the branches as modules"
        ) from error


@dataclass(frozen=True, eq=False)
class PolynomialRange:
    """The polynomial of an activation, and the middle and half the width of each range of it."""

    polynomial: PolynomialActivation
    centre: Tensor
    radius: Tensor

    def excess(self, values: Tensor) -> Tensor:
        """The mean square by which values leave twice the range, in units of its radius."""
        shape = (1, -1, *(1,) * (values.ndim - 2))
        centre, radius = self.centre.reshape(shape), self.radius.reshape(shape)
        outside = functional.relu((values - centre).abs() / radius - 2)
        return (outside**2).mean()


def replace_all(
    graph: fx.GraphModule, pixels: Tensor, degree: int
) -> tuple[list[PolynomialRange], int]:
    """Replace activations and pools in place, one after the other; their ranges, and the pools."""
    pools = sum(_replace_pool(graph, node) for node in list(graph.graph.nodes))
    ranges = [
        _replace_activation(graph, node, pixels, degree)
        for node in list(graph.graph.nodes)
        if _is_activation(graph, node)
    ]
    graph.graph.lint()
    graph.delete_all_unused_submodules()
    graph.recompile()
    if not ranges:
        raise ApproximationError("the module has no activation that a polynomial could replace")
    return ranges, pools


def _name_of(graph: fx.GraphModule, node: fx.Node) -> str:
    if node.op == "call_function":
        return str(getattr(node.target, "__name__", ""))
    return str(node.target) if node.op == "call_method" else ""


def _is_activation(graph: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(graph.get_submodule(str(node.target)), _MODULES)
    return _name_of(graph, node) in _FUNCTIONS


def _replace_activation(
    graph: fx.GraphModule, node: fx.Node, pixels: Tensor, degree: int
) -> PolynomialRange:
    """Fit the polynomial of an activation where its values lie now."""
    recorded = _Recorder(graph, node)
    with torch.no_grad():
        recorded.run(pixels)
    before, after = (np.asarray(value, np.float64) for value in recorded.values)
    samples = Samples.of(before, 0.1)
    rows = _fitted(samples, before, after, degree)
    channels = samples.groups if before.ndim == 4 else None
    polynomial = PolynomialActivation(degree, channels)
    kind = recorded.values[0].dtype
    with torch.no_grad():
        start = torch.as_tensor(rows if channels else rows[0], dtype=kind)
        polynomial.coefficients = nn.Parameter(start)
    name = f"polynomial_{node.name}"
    graph.add_submodule(name, polynomial)
    with graph.graph.inserting_after(node):
        new = graph.graph.call_module(name, (recorded.source,))
    node.replace_all_uses_with(new)
    graph.graph.erase_node(node)
    graph.recompile()
    centre, radius = (torch.as_tensor(x, dtype=kind) for x in (samples.centre, samples.radius))
    return PolynomialRange(polynomial, centre, radius)


def _fitted(samples: Samples, before: FloatArray, after: FloatArray, degree: int) -> FloatArray:
    """The ascending coefficients of each group, from what the activation did to its values."""
    order = np.argsort(before, axis=None)
    x, y = before.ravel()[order], after.ravel()[order]
    x, first = np.unique(x, return_index=True)
    y = y[first]

    def function(values: FloatArray) -> FloatArray:
        # Beyond its values the activation goes on as it does at their ends.
        left = y[0] + _end_slope(x, y, 0) * np.minimum(values - x[0], 0.0)
        right = _end_slope(x, y, -1) * np.maximum(values - x[-1], 0.0)
        inner = np.interp(values, x, y)
        result: FloatArray = np.where(values < x[0], left, inner) + right
        return result

    found = fit(function, samples, degree)
    rows = []
    for row, centre, radius in zip(found.coefficients, samples.centre, samples.radius, strict=True):
        powers = np.polynomial.Polynomial(cheb2poly(row))
        moved = powers(np.polynomial.Polynomial([-centre / radius, 1 / radius])).coef
        rows.append(np.pad(moved, (0, degree + 1 - len(moved))))
    return np.array(rows)


def _end_slope(x: FloatArray, y: FloatArray, end: int) -> float:
    """The slope of the function over the last hundredth of its values."""
    count = max(1, len(x) // 100)
    a, b = (0, min(count, len(x) - 1)) if end == 0 else (max(0, len(x) - 1 - count), -1)
    width = float(x[b] - x[a])
    return float(y[b] - y[a]) / width if width > 0 else 0.0


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps what a node reads and gives."""

    def __init__(self, graph: fx.GraphModule, node: fx.Node) -> None:
        super().__init__(graph)
        self._node = node
        given = [x for x in (*node.args, *node.kwargs.values()) if isinstance(x, fx.Node)]
        self.source = given[0]
        self.values: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))

    def run_node(self, n: fx.Node) -> Any:
        """Run one node; a copy of what the chosen one reads is kept, for those in place."""
        before = self.env[self.source].clone() if n is self._node else None
        result = super().run_node(n)
        if before is not None:
            self.values = before, result.clone()
        return result


def _replace_pool(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Put an average pool in the place of a max-pool; whether the node was one."""
    layer: nn.Module | None = None
    name = _name_of(graph, node)
    if node.op == "call_module":
        module = graph.get_submodule(str(node.target))
        if isinstance(module, nn.MaxPool2d):
            layer = _average(module)
        elif isinstance(module, nn.AdaptiveMaxPool2d):
            layer = nn.AdaptiveAvgPool2d(module.output_size)
    elif name in _POOLS and "max_pool2d" in str(node):
        names = ["input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"]
        given: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        given.pop("input")
        given.pop("return_indices", None)
        layer = _average(nn.MaxPool2d(**given))
    if layer is None:
        return False
    title = f"average_{node.name}"
    graph.add_submodule(title, layer)
    with graph.graph.inserting_after(node):
        new = graph.graph.call_module(title, (node.args[0] if node.args else node.kwargs["input"],))
    node.replace_all_uses_with(new)
    graph.graph.erase_node(node)
    graph.recompile()
    return True


def _average(pool: nn.MaxPool2d) -> nn.Module:
    if pool.dilation not in (1, (1, 1)):
        raise ApproximationError(f"a max-pool of dilation {pool.dilation} has no average")
    return nn.AvgPool2d(
        pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False
    )
