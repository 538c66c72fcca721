"""A converted network compared with the model that it came from, node by node.

Rounding errors grow from layer to layer, and a bound on their growth soon exceeds the values
themselves. So each node is checked alone, on the inputs that the model itself gave to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nn.errors import ConversionError
from nn.frontend.network_builder import Arrangement
from nn.network.evaluation_error import gamma, rounding_after, rounding_bound
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import FloatArray


@dataclass(frozen=True, eq=False)
class Traced:
    """What a model did for some images (B, *input_shape).

    values: its value of each node that is a value of the model too, by the node's name and in the
    node's shape, "input" included. output: its answer, in the shape of the network's.
    arrangements: how it computed a node, where that is not what the layer does. roundoff: the unit
    roundoff of its numbers.
    """

    values: Mapping[str, FloatArray]
    output: FloatArray
    arrangements: Mapping[str, Arrangement]
    roundoff: float


def check_conversion(network: Network, traced: Traced) -> None:
    """Raise `ConversionError`, which names the node, where the network differs from the model.

    A node that is no value of the model, such as a factor in front of a sum, is checked with the
    node that reads it.
    """
    values = dict(traced.values)
    errors = {name: np.zeros_like(value) for name, value in values.items()}
    for node in network.nodes:
        computed = node.layer.forward(*(values[name] for name in node.inputs))
        bound = _rounding(node, values, errors, traced)
        if node.name in traced.values:
            what = f"node {node.name!r} ({type(node.layer).__name__}) of {network.name!r}"
            _check_close(what, computed, traced.values[node.name], bound)
        else:
            values[node.name], errors[node.name] = computed, bound
    _check_whole(network, traced)


def _check_whole(network: Network, traced: Traced) -> None:
    """Raise `ConversionError` where the answers differ by more than rounding that grew in depth.

    The bound says little in depth, but what a node's check did not see at all would show here.
    """
    values = network.values(traced.values[INPUT])
    errors = {INPUT: np.zeros_like(values[INPUT])}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in network.nodes:
            bound = _rounding(node, values, errors, traced)
            errors[node.name] = np.where(np.isnan(bound), np.inf, bound)
    name = network.output.name
    _check_close(f"network {network.name!r}", values[name], traced.output, errors[name])


def check_answers(
    network: Network, images: FloatArray, outputs: Sequence[FloatArray], roundoff: float
) -> None:
    """Raise `ConversionError` where what the model returns for other images is something else.

    A model that depends on the number of images, or changes from call to call, shows here.
    """
    found = network.finished(network(images))
    parts = [found] if isinstance(found, np.ndarray) else list(found)
    with np.errstate(over="ignore", invalid="ignore"):
        bound = rounding_bound(network, images, roundoff).reshape(len(images), -1)
    # A softmax or sigmoid makes no error larger than twice the largest.
    worst = np.where(np.isnan(bound), np.inf, bound).max(axis=1)
    for part, expected in zip(parts, outputs, strict=True):
        what = f"network {network.name!r} on {len(images)} images"
        flat = part.reshape(len(images), -1)
        allowed = np.broadcast_to(2 * worst[:, None] + 64 * roundoff, flat.shape)
        _check_close(what, flat, expected.reshape(len(expected), -1), allowed)


def _rounding(
    node: Node,
    values: Mapping[str, FloatArray],
    errors: Mapping[str, FloatArray],
    traced: Traced,
) -> FloatArray:
    """A bound on the error of the node's value, in its own evaluation and in the model's."""
    inputs = [values[name] for name in node.inputs]
    carried = [errors[name] for name in node.inputs]
    bound = rounding_after(node.layer, inputs, carried, traced.roundoff)
    arrangement = traced.arrangements.get(node.name)
    if arrangement is not None:
        # The model's own order of the operations, and the coefficients computed from them.
        reached = arrangement.magnitude(np.abs(inputs[0]) + carried[0], bound.shape[1:])
        bound = bound + 2 * gamma(arrangement.operations, traced.roundoff) * reached
    return bound


def _check_close(what: str, computed: FloatArray, expected: FloatArray, bound: FloatArray) -> None:
    """Raise `ConversionError` unless two evaluations, each within `bound`, can both be right."""
    if computed.shape != expected.shape:
        raise ConversionError(f"{what} returns {computed.shape}, the model {expected.shape}")
    difference, allowed = np.abs(computed - expected), 2 * bound
    worst = np.unravel_index(int(np.argmax(difference - allowed)), difference.shape)
    # Written so that a NaN fails.
    if not (difference <= allowed).all():
        raise ConversionError(
            f"{what} differs from the model by {difference[worst]:.3g} at output "
            f"{tuple(map(int, worst))}, rounding allows {allowed[worst]:.3g}; the model does "
            "something that its operations do not show (does it depend on the batch, or change "
            "from call to call?)"
        )
