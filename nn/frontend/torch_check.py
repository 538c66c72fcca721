"""A converted network compared with the module that it came from, node by node.

Rounding errors grow from layer to layer, and a bound on their growth soon exceeds the values
themselves. So each node is checked alone, on the inputs that the module itself gave to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nn.errors import ConversionError
from nn.network.activation import Polynomial
from nn.network.evaluation_error import gamma, rounding_after
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import FloatArray

if TYPE_CHECKING:
    from nn.frontend.symbolic_polynomial import Arrangement
    from nn.frontend.torch_trace import TracedModule


def check_conversion(
    network: Network, images: FloatArray, traced: TracedModule
) -> None:
    """Raise `ConversionError`, which names the node, where the network differs from the module.

    A node that is no value of the module, such as a factor in front of a sum, is checked with the
    node that reads it.
    """
    values = dict(traced.values)
    errors = {name: np.zeros_like(value) for name, value in values.items()}
    for node in network.nodes:
        computed = node.layer.forward(*(values[name] for name in node.inputs))
        bound = _rounding(node, values, errors, traced.arrangements.get(node.name))
        if node.name in traced.values:
            what = f"node {node.name!r} ({type(node.layer).__name__}) of {network.name!r}"
            _check_close(what, computed, traced.values[node.name], bound)
        else:
            values[node.name], errors[node.name] = computed, bound
    _check_whole(network, images, traced)


def _check_whole(network: Network, images: FloatArray, traced: TracedModule) -> None:
    """Raise `ConversionError` where the answers differ by more than rounding that grew in depth.

    The bound says little in depth, but what torch.fx did not see at all would show here.
    """
    values = network.values(images)
    errors = {INPUT: np.zeros_like(values[INPUT])}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in network.nodes:
            bound = _rounding(node, values, errors, traced.arrangements.get(node.name))
            errors[node.name] = np.where(np.isnan(bound), np.inf, bound)
    name = network.output.name
    _check_close(f"network {network.name!r}", values[name], traced.output, errors[name])


def _rounding(
    node: Node,
    values: dict[str, FloatArray],
    errors: dict[str, FloatArray],
    arrangement: Arrangement | None,
) -> FloatArray:
    """A bound on the error of the node's value, in its own evaluation and in torch's."""
    inputs = [values[name] for name in node.inputs]
    carried = [errors[name] for name in node.inputs]
    bound = rounding_after(node.layer, inputs, carried)
    if arrangement is not None:
        # Torch's own order of the operations, and the coefficients that were computed from them.
        reached = Polynomial(_without_zeros(arrangement.magnitudes)).forward(
            np.abs(inputs[0]) + carried[0]
        )
        bound = bound + 2 * gamma(arrangement.operations) * reached
    return bound


def _without_zeros(coefficients: FloatArray) -> FloatArray:
    trimmed: FloatArray = np.trim_zeros(coefficients, "b")
    return trimmed if trimmed.size else np.zeros(1)


def _check_close(what: str, computed: FloatArray, expected: FloatArray, bound: FloatArray) -> None:
    """Raise `ConversionError` unless two evaluations, each within `bound`, can both be right."""
    if computed.shape != expected.shape:
        raise ConversionError(f"{what} returns {computed.shape}, the module {expected.shape}")
    difference, allowed = np.abs(computed - expected), 2 * bound
    worst = np.unravel_index(int(np.argmax(difference - allowed)), difference.shape)
    # Written so that a NaN fails.
    if not (difference <= allowed).all():
        raise ConversionError(
            f"{what} differs from the module by {difference[worst]:.3g} at "
            f"output {tuple(map(int, worst))}, rounding allows {allowed[worst]:.3g}; a layer does "
            "not compute what its type says (does it override forward, or have a hook?)"
        )
