"""A captured PyTorch model to a network that was compared with it. It imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.utils import _pytree

from nn.frontend.conversion_check import Traced, check_answers, check_conversion
from nn.frontend.torch_capture import Captured, capture
from nn.frontend.torch_graph import GraphBuilder
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray, Shape


def convert_model(
    model: Any, images: FloatArray, name: str | None, input_range: tuple[float, float]
) -> Network:
    """The network of a model, as `nn.from_torch` says."""
    captured = capture(model, torch.from_numpy(images))
    graph = GraphBuilder(captured)
    network = Network(
        name or captured.title, images.shape[1:], graph.nodes(), input_range, None, graph.answers
    )
    check_conversion(network, _traced(captured, graph, network))
    if len(captured.batch) != len(images):
        with torch.no_grad():
            output = captured.model(torch.from_numpy(images).to(captured.batch.dtype))
        leaves = [x for x in _pytree.tree_leaves(output) if isinstance(x, Tensor)]
        outputs = [leaf.double().numpy() for leaf in leaves]
        check_answers(network, images, outputs, captured.roundoff)
    return network


def _traced(captured: Captured, graph: GraphBuilder, network: Network) -> Traced:
    builder = graph.builder
    values = {INPUT: captured.batch.double().numpy()}
    for node in network.nodes:
        origin = builder.origins[node.name]
        if isinstance(origin, fx.Node):
            value = _array(captured.values[origin], network.shapes[node.name])
            if value is not None:
                values[node.name] = value
    output = _output(graph, captured.values, network.output_shape)
    return Traced(values, output, builder.arrangements, captured.roundoff)


def _output(graph: GraphBuilder, values: Mapping[fx.Node, Any], shape: Shape) -> FloatArray:
    """What the model had where the network ends, all outputs behind one another."""
    parts = [values[node].double().numpy() for node in graph.ends]
    flat = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    return flat.reshape(len(flat), *shape)


def _array(value: Any, shape: Shape) -> FloatArray | None:
    """A value of the model in the shape of a node; None for one of another size."""
    tensor = value[0] if isinstance(value, tuple | list) else value
    if not isinstance(tensor, Tensor) or tensor.dim() == 0:
        return None
    array: FloatArray = tensor.double().contiguous().numpy()
    size = int(np.prod(shape))
    return array.reshape(-1, *shape) if array.size % size == 0 else None
