"""Folding BatchNorm into the linear layers beside it, exactly.

A BatchNorm is ``y = scale x + shift`` for each channel. It joins the weight and the bias of a
convolution or linear layer in front of it or behind it. A layer behind it must not pad: a padded
zero is not `shift`. No other layer may read the value between the two.
"""

from __future__ import annotations

from dataclasses import replace

from he.validation import instance
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import BatchNorm, Conv2d, Flatten, FloatArray, Layer, Linear


def fold_batch_norms(network: Network) -> Network:
    """The same function with as few BatchNorm nodes as folding allows.

    Each BatchNorm goes into the Conv2d or Linear before it, else into the one after it (also
    through a Flatten), else it stays. Names and statistics follow. A layer that took in the
    BatchNorm behind it keeps its own name, and has the value and the statistics that the BatchNorm
    had. A Flatten between a BatchNorm and the layer that took it in has the value from before the
    BatchNorm. Every other name keeps its value. Raises `he.WrongObjectError` for an object that is
    no network.
    """
    for node in instance(network, Network, "network").nodes:
        if isinstance(node.layer, BatchNorm):
            folded = _fold_backward(network, node) or _fold_forward(network, node)
            if folded is not None:
                return fold_batch_norms(folded)
    return network


def _fold_backward(network: Network, norm: Node) -> Network | None:
    """The network with `norm` folded into the layer that it reads; None where that cannot be."""
    source = norm.inputs[0]
    if source == INPUT or len(network.consumers(source)) != 1:
        return None
    before = network.node(source)
    assert isinstance(norm.layer, BatchNorm)
    layer = _scaled_outputs(before.layer, norm.layer)
    if layer is None:
        return None
    merged = Node(before.name, layer, before.inputs)
    nodes = [
        merged if node is before else _reading(node, norm.name, before.name)
        for node in network.nodes
        if node is not norm
    ]
    statistics = None
    if network.statistics is not None:
        statistics = dict(network.statistics)
        statistics[before.name] = statistics.pop(norm.name)
    return replace(network, nodes=tuple(nodes), statistics=statistics)


def _fold_forward(network: Network, norm: Node) -> Network | None:
    """The network with `norm` folded into the only layer that reads it; None where that cannot be.

    A Flatten may stand between the two.
    """
    assert isinstance(norm.layer, BatchNorm)
    scale, shift = norm.layer.scale, norm.layer.shift
    source = norm.inputs[0]
    statistics = None
    if network.statistics is not None:
        statistics = {key: value for key, value in network.statistics.items() if key != norm.name}
    reader = _only_reader(network, norm.name)
    if reader is not None and isinstance(reader.layer, Flatten):
        size = network.shapes[reader.name][0]
        scale, shift = scale.repeat(size // scale.size), shift.repeat(size // shift.size)
        if statistics is not None:
            before = statistics[source]
            statistics[reader.name] = replace(
                before, max_abs=before.max_abs.ravel(), rms=before.rms.ravel()
            )
        reader = _only_reader(network, reader.name)
    layer = None if reader is None else _scaled_inputs(reader.layer, scale, shift)
    if reader is None or layer is None:
        return None
    merged = Node(reader.name, layer, reader.inputs)
    nodes = [
        _reading(merged if node is reader else node, norm.name, source)
        for node in network.nodes
        if node is not norm
    ]
    return replace(network, nodes=tuple(nodes), statistics=statistics)


def _only_reader(network: Network, name: str) -> Node | None:
    consumers = network.consumers(name)
    return consumers[0] if len(consumers) == 1 else None


def _reading(node: Node, old: str, new: str) -> Node:
    """The node with the input `new` in place of `old`."""
    if old not in node.inputs:
        return node
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))


def _scaled_outputs(layer: Layer, norm: BatchNorm) -> Layer | None:
    """The layer that computes ``scale layer(x) + shift``, or None."""
    if not isinstance(layer, (Conv2d, Linear)):
        return None
    scale = norm.scale
    weight = layer.weight * scale.reshape(-1, *(1,) * (layer.weight.ndim - 1))
    return replace(layer, weight=weight, bias=layer.bias * scale + norm.shift)


def _scaled_inputs(layer: Layer, scale: FloatArray, shift: FloatArray) -> Layer | None:
    """The layer that computes ``layer(scale x + shift)``, or None."""
    if isinstance(layer, Linear):
        return replace(layer, weight=layer.weight * scale, bias=layer.bias + layer.weight @ shift)
    if isinstance(layer, Conv2d) and (layer.padding == (0, 0) or not shift.any()):
        out_channels, group_channels = layer.weight.shape[:2]
        # Row o reads the channels of its group: (O, I).
        scales = scale.reshape(layer.groups, group_channels)
        shifts = shift.reshape(layer.groups, group_channels)
        rows = scales.repeat(out_channels // layer.groups, axis=0)
        offsets = shifts.repeat(out_channels // layer.groups, axis=0)
        return replace(
            layer,
            weight=layer.weight * rows[:, :, None, None],
            bias=layer.bias + (layer.weight.sum(axis=(2, 3)) * offsets).sum(axis=1),
        )
    return None
