"""PyTorch modules run through torch.fx: their graphs and their values. It imports torch."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch import nn as torch_nn
from torch.fx.passes.shape_prop import ShapeProp

from nn.errors import ConversionError
from nn.frontend.symbolic_polynomial import Arrangement
from nn.frontend.torch_graph import WHOLE, GraphBuilder
from nn.frontend.torch_modules import check_weights_exist
from nn.network.graph import Node
from nn.network.layers import FloatArray


@dataclass(frozen=True, eq=False)
class TracedModule:
    """The nodes of a module, and the values that the module itself had for an example, in float64.

    output: the module's answer. values: the module's value of each node that is a value of the
    module too, by the node's name, "input" included. arrangements: how torch computed each
    Polynomial that is no module, by the node's name.
    """

    nodes: tuple[Node, ...]
    output: FloatArray
    values: Mapping[str, FloatArray]
    arrangements: Mapping[str, Arrangement]


def trace(module: torch_nn.Module, example: Tensor) -> TracedModule:
    """The nodes of `module` in evaluation mode, and its values for the float64 `example`.

    All values come from a float64 copy of the module, so that they can be compared far below the
    rounding of float32. Raises `UnsupportedLayerError` or `ConversionError`, as `nn.from_torch`
    says.
    """
    title = type(module).__name__
    check_weights_exist(module)
    module = copy.deepcopy(module).eval().double()
    expected = _run(module, example)
    if _is_overlooked(module):
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
    recorder = _Recorder(traced)
    with torch.no_grad():
        recorder.propagate(example.clone())
    traced.graph.eliminate_dead_code()
    builder = GraphBuilder(traced)
    nodes = builder.nodes()
    values = {name: recorder.values[node] for name, node in builder.origins.items()}
    return TracedModule(nodes, expected.numpy(), values, builder.arrangements)


def _is_overlooked(module: torch_nn.Module) -> bool:
    """Whether torch.fx would overlook something that this outermost module does.

    Torch.fx looks inside it, so that it misses hooks, and takes forward from its class.
    """
    hooks = module._forward_hooks or module._forward_pre_hooks
    return isinstance(module, WHOLE) or bool(hooks) or "forward" in vars(module)


class _Recorder(ShapeProp):
    """Runs the module node by node, and keeps a copy of every tensor as it was made."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[fx.Node, FloatArray] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            # A copy: a later operation may work in place.
            self.values[n] = result.detach().clone().numpy()
        return result


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
        return isinstance(module, WHOLE) or super().is_leaf_module(module, qualified_name)
