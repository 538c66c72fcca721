"""The layers of a network that need an approximation, and the ways that each of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nn.approximation.pools import (
    averaged,
    pool_levels,
    replaced_maximum,
    replaced_pool,
)
from nn.approximation.replacement import (
    COMPOSITE,
    EVEN,
    SINGLE,
    Method,
    Replaced,
    bent_line,
    replaced_function,
)
from nn.approximation.samples import Ranges
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import FloatArray
from nn.network.nonlinear import MaxPool2d, ScalarFunction
from nn.network.two_inputs import Maximum

Layers = ScalarFunction | MaxPool2d | Maximum
"""What is replaced."""

Choice = Method | None
"""How a site is replaced; None is the average in place of a maximum over windows."""


@dataclass(frozen=True, eq=False)
class Site:
    """A node that needs an approximation."""

    node: Node

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def what(self) -> str:
        """The function, for tables."""
        layer = self.node.layer
        if isinstance(layer, ScalarFunction):
            return layer.function
        return "max" if isinstance(layer, Maximum) else "max pool"

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All ways to replace it, but for averages."""
        layer = self.node.layer
        if isinstance(layer, ScalarFunction):
            return SINGLE + (COMPOSITE if bent_line(layer) else ())
        return EVEN + COMPOSITE

    def nearest(self, degree: int | tuple[int, ...]) -> Choice:
        """The method of a degree; of the even degree below for a maximum. Several: of a sign."""
        if isinstance(degree, tuple):
            return Method(degrees=degree)
        if isinstance(self.node.layer, ScalarFunction):
            return Method(degree=degree)
        return Method(degree=degree - degree % 2)

    def levels(self, choice: Choice) -> int:
        """The levels that a choice takes behind a linear layer."""
        layer = self.node.layer
        if choice is None:
            return 0
        if isinstance(layer, MaxPool2d):
            return pool_levels(layer, choice)
        return choice.levels + 2 * isinstance(layer, Maximum)


def sites_of(network: Network) -> tuple[Site, ...]:
    """The nodes that need an approximation, in order."""
    return tuple(Site(node) for node in network.nodes if isinstance(node.layer, Layers))


class Values:
    """The values of nodes for a batch, by name, as far as a later node reads them.

    known: those to begin with, "input" among them.
    """

    def __init__(self, network: Network, known: Mapping[str, FloatArray]) -> None:
        self._network = network
        self._kept = dict(known)

    def __getitem__(self, name: str) -> FloatArray:
        return self._kept[name]

    def evaluate(self, node: Node) -> FloatArray:
        """The value of a node, which is kept."""
        value = node.layer.forward(*(self._kept[name] for name in node.inputs))
        self._kept[node.name] = value
        return value

    def forget(self, position: int) -> None:
        """Drop what no node of the network behind this position reads."""
        needed = {name for node in self._network.nodes[position + 1 :] for name in node.inputs}
        needed.add(self._network.output.name)
        self._kept = {name: value for name, value in self._kept.items() if name in needed}


def replace_site(site: Site, choice: Choice, values: Values, ranges: Ranges) -> Replaced:
    """The nodes of a choice, evaluated; ranges come from the values that the site reads."""
    node = site.node
    source = values[node.inputs[0]]
    if isinstance(node.layer, MaxPool2d):
        if choice is None:
            return averaged(node, node.layer, values.evaluate, source)
        return replaced_pool(node, node.layer, choice, values.evaluate, source, ranges)
    assert choice is not None
    if isinstance(node.layer, Maximum):
        return replaced_maximum(node, choice, values.evaluate, ranges)
    assert isinstance(node.layer, ScalarFunction)
    samples = ranges.samples(source, symmetric=choice.degree is None)
    replaced = replaced_function(node.name, node.inputs[0], node.layer, choice, samples)
    for new in replaced.nodes:
        values.evaluate(new)
    return replaced


def assembled(
    network: Network, batch: FloatArray, choices: Mapping[str, Choice], ranges: Ranges
) -> tuple[tuple[Node, ...], dict[str, Replaced], FloatArray]:
    """The nodes with these sites replaced, what each site became, and the answers of the batch.

    Ranges are those behind the replacements in front.
    """
    values = Values(network, {INPUT: batch})
    nodes: list[Node] = []
    found: dict[str, Replaced] = {}
    for position, node in enumerate(network.nodes):
        if node.name in choices:
            replaced = replace_site(Site(node), choices[node.name], values, ranges)
            found[node.name] = replaced
            nodes += replaced.nodes
        else:
            values.evaluate(node)
            nodes.append(node)
        values.forget(position)
    return tuple(nodes), found, values[network.output.name]


def answers_with(
    network: Network,
    exact: Mapping[str, FloatArray],
    site: Site,
    choices: Sequence[Choice],
    ranges: Ranges,
) -> Iterator[FloatArray]:
    """The answers with one site replaced by each choice, all others exact.

    exact: the values of all nodes for the batch.
    """
    position = next(i for i, node in enumerate(network.nodes) if node.name == site.name)
    for choice in choices:
        values = Values(network, exact)
        replace_site(site, choice, values, ranges)
        changed = {site.name}
        for node in network.nodes[position + 1 :]:
            if changed.intersection(node.inputs):
                values.evaluate(node)
                changed.add(node.name)
        yield values[network.output.name]
