"""Where bootstraps go, beside every way to place them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, Layer, Linear
from nn.packed.packed_network import PackedStage, pack_network
from nn.packed.placement import Refreshing, cheapest_placement
from nn.stages.rewriting import rewrite
from nn.stages.stage import BootstrapStage


def packed_network(*layers: tuple[str, Layer, tuple[str, ...]]) -> list[PackedStage]:
    nodes = tuple(Node(name, layer, inputs) for name, layer, inputs in layers)
    network = Network("placed", (4,), nodes, (-1.0, 1.0))
    return pack_network(rewrite(network, bounded=True), 16)


def linear(seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(4, 4)) / 4, np.zeros(4))


CUBE = Polynomial([0.0, 0.5, 0.0, 0.25])
CHAIN = (
    ("a", linear(1), (INPUT,)),
    ("p", CUBE, ("a",)),
    ("b", linear(2), ("p",)),
    ("q", CUBE, ("b",)),
)
BLOCK = (
    ("a", linear(1), (INPUT,)),
    ("p", CUBE, ("a",)),
    ("b", linear(2), ("p",)),
    ("sum", Add(), ("b", "p")),
    ("c", linear(3), ("sum",)),
)


def cost_at(item: PackedStage, start: int) -> float:
    """Costs that grow with the level, and differ from stage to stage."""
    return (1.0 + 0.3 * (sum(map(ord, item.name)) % 5)) * (start + 1)


def cheapest(packed: Sequence[PackedStage], refreshing: Refreshing) -> float:
    """The least cost of all levels and all sets of refreshed values, tried one by one."""
    best = float("inf")
    names = [item.name for item in packed]
    levels = [range(item.stage.levels, refreshing.top + 1) for item in packed]
    for starts in itertools.product(*levels):
        start = dict(zip(names, starts, strict=True))
        values = {item.name: start[item.name] - item.stage.levels for item in packed}
        for chosen in itertools.product((False, True), repeat=len(packed) - 1):
            refreshed = {name for name, is_in in zip(names, chosen, strict=False) if is_in}
            if holds(packed, start, values, refreshed, refreshing):
                cost = sum(cost_at(item, start[item.name]) for item in packed)
                best = min(best, cost + len(refreshed) * refreshing.cost)
    return best


def holds(
    packed: Sequence[PackedStage],
    start: Mapping[str, int],
    values: Mapping[str, int],
    refreshed: set[str],
    refreshing: Refreshing,
) -> bool:
    if any(values[name] < refreshing.start for name in refreshed):
        return False
    for item in packed:
        for name in item.inputs:
            highest = refreshing.top if name == INPUT else values[name]
            if name in refreshed:
                highest = max(highest, refreshing.refreshed)
            if start[item.name] > highest:
                return False
    return True


@pytest.mark.parametrize("layers", [CHAIN, BLOCK], ids=["chain", "block"])
@pytest.mark.parametrize("price", [0.5, 4.0, 40.0])
@pytest.mark.parametrize("levels", [(0, 4, 5), (1, 3, 4), (1, 4, 5)])
def test_cheapest_placement__is_the_best_of_all(
    layers: tuple[tuple[str, Layer, tuple[str, ...]], ...],
    price: float,
    levels: tuple[int, int, int],
) -> None:
    packed = packed_network(*layers)
    refreshing = Refreshing(*levels, price)
    everything = frozenset(item.name for item in packed[:-1])
    found = cheapest_placement(packed, refreshing, cost_at, everything)
    expected = cheapest(packed, refreshing)
    if found is None:
        assert expected == float("inf")
        return
    assert found.cost == pytest.approx(expected)
    check(found.packed, found.levels, refreshing)
    total = sum(
        cost_at(item, found.levels[item.name] + item.stage.levels)
        for item in found.packed
        if not isinstance(item.stage, BootstrapStage)
    )
    assert total + price * found.bootstraps == pytest.approx(found.cost)


def check(
    packed: Sequence[PackedStage], levels: Mapping[str, int], refreshing: Refreshing
) -> None:
    """Every stage finds its inputs at its level or above."""
    assert levels[INPUT] <= refreshing.top
    for item in packed:
        start = levels[item.name] + item.stage.levels
        assert all(levels[name] >= start for name in item.inputs)
        if isinstance(item.stage, BootstrapStage):
            assert (start, levels[item.name]) == (refreshing.start, refreshing.refreshed)
    assert levels[packed[-1].name] == 0


def test_cheapest_placement__none_where_a_stage_is_too_deep() -> None:
    packed = packed_network(*CHAIN)
    assert cheapest_placement(packed, Refreshing(1, 1, 1, 1.0), cost_at, frozenset("ab")) is None


def test_cheapest_placement__refreshes_only_what_may_be() -> None:
    packed = packed_network(*CHAIN)
    refreshing = Refreshing(1, 3, 4, 1.0)
    found = cheapest_placement(packed, refreshing, cost_at, frozenset({"a", "p"}))
    assert found is not None
    names = {item.name for item in found.packed if isinstance(item.stage, BootstrapStage)}
    assert names
    assert names <= {"a:bootstrap", "p:bootstrap"}
