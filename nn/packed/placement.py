"""Where a packed network bootstraps: the cheapest way back from the answer to the input.

The way leads from the last stage to the first. Every stage runs at the lowest level at which its
value still serves its readers, since lower levels are cheaper. So all that is open is which values
are refreshed, and which of their readers read them before that. A state says which levels the
readers passed so far need of the values that are not yet made; it is small, since few values are
alive at any stage: at the ends of a residual block one, inside of it two. All ways to a state meet
there, and the cheapest goes on (a shortest path over stages and levels, as Orion has it: Ebel,
Garimella, Reagen, ASPLOS 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from nn.network.graph import INPUT
from nn.packed.packed_network import PackedStage
from nn.stages.stage import BootstrapStage

SUFFIX = ":bootstrap"
"""What follows the name of a value in the name of the bootstrap that refreshes it."""


class Refreshing(NamedTuple):
    """What a bootstrap does under a parameter set.

    start, refreshed: the levels at which it begins and ends. top: the highest level, at which the
    input may be encrypted. cost: of one ciphertext, in the unit of the stages' costs.
    """

    start: int
    refreshed: int
    top: int
    cost: float


@dataclass(frozen=True, eq=False)
class Placement:
    """A packed network with its bootstraps, and where every stage runs.

    packed: the stages, each bootstrap behind the stage whose value it refreshes. levels: of every
    stage's value, and of "input", by name. cost: of the whole run.
    """

    packed: tuple[PackedStage, ...]
    levels: Mapping[str, int]
    cost: float

    @property
    def bootstraps(self) -> int:
        """The number of ciphertexts that are refreshed."""
        return bootstraps_of(self.packed)


def bootstraps_of(packed: Sequence[PackedStage]) -> int:
    """The number of ciphertexts that these stages refresh."""
    return sum(
        item.layout.ciphertexts for item in packed if isinstance(item.stage, BootstrapStage)
    )


def cheapest_placement(
    packed: Sequence[PackedStage],
    refreshing: Refreshing,
    cost_at: Callable[[PackedStage, int], float],
    allowed: Set[str],
) -> Placement | None:
    """The placement of the least cost; None where no placement holds the network.

    cost_at: of a stage that starts at a level. allowed: the values that may be refreshed.
    """
    ways: dict[_State, _Way] = {((packed[-1].name, (0,)),): _Way(0.0, None, None)}
    for item in reversed(packed):
        longer: dict[_State, _Way] = {}
        taken = item.stage.levels
        price = item.layout.ciphertexts * refreshing.cost if item.name in allowed else None
        for state, way in ways.items():
            for option in _options(taken, dict(state)[item.name], refreshing, price):
                reached = _before(item, state, option.start)
                total = way.cost + cost_at(item, option.start) + option.cost
                if reached not in longer or total < longer[reached].cost:
                    longer[reached] = _Way(total, way, option)
        ways = longer
        if not ways:
            return None
    found = [
        (way.cost, max(levels), way)
        for state, way in ways.items()
        for name, levels in state
        if name == INPUT and max(levels) <= refreshing.top
    ]
    if not found:
        return None
    cost, input_level, way = min(found, key=lambda one: one[:2])
    starts: dict[str, int] = {}
    refreshed: set[str] = set()
    for item in packed:  # the way leads from the first stage to the last
        assert way.option is not None
        assert way.after is not None
        starts[item.name] = way.option.start
        if way.option.refreshed:
            refreshed.add(item.name)
        way = way.after
    made = with_bootstraps(packed, starts, refreshed, refreshing.start, refreshing.refreshed)
    levels = {INPUT: input_level} | {name: starts[name] for name in starts}
    for item in made:
        start = starts.get(item.name, refreshing.start)
        levels[item.name] = start - item.stage.levels
    return Placement(tuple(made), levels, cost)


def with_bootstraps(
    packed: Sequence[PackedStage],
    starts: Mapping[str, int],
    refreshed: Set[str],
    start: int,
    level: int,
) -> list[PackedStage]:
    """The stages with a bootstrap behind each value that is refreshed.

    starts: the level at which each stage runs. A stage that runs above the level of a value reads
    the refreshed one. start, level: where a bootstrap begins and ends.
    """
    made: list[PackedStage] = []
    low = {item.name: starts[item.name] - item.stage.levels for item in packed}
    for item in packed:
        names = tuple(
            name + SUFFIX if name in refreshed and starts[item.name] > low[name] else name
            for name in item.inputs
        )
        made.append(replace(item, stage=replace(item.stage, inputs=names)))
        if item.name in refreshed:
            made.append(_bootstrap(item, start, level))
    return made


def _bootstrap(item: PackedStage, start: int, level: int) -> PackedStage:
    before = item.stage
    stage = BootstrapStage(
        name=item.name + SUFFIX,
        layers=(),
        inputs=(item.name,),
        shape=before.shape,
        node=before.node,
        scale=before.scale,
        shift=before.shift,
        max_abs=before.max_abs,
        start=start,
        refreshed=level,
    )
    return PackedStage(stage, item.layout)


_State = tuple[tuple[str, tuple[int, ...]], ...]
"""For each value that is read but not yet made: its name and the levels needed, both in order."""


class _Option(NamedTuple):
    """How a stage runs: its level at the start, whether its value is refreshed, at which cost."""

    start: int
    refreshed: bool
    cost: float


class _Way(NamedTuple):
    """A way to a state: its cost, the way that it goes on with, and its first step."""

    cost: float
    after: _Way | None
    option: _Option | None


def _options(
    taken: int, needed: Sequence[int], refreshing: Refreshing, price: float | None
) -> Iterator[_Option]:
    """The ways to make a value that its readers need at these levels, ascending.

    taken: the levels that the stage takes. price: of refreshing the value; None where it may not.
    """
    highest = needed[-1]
    if highest + taken <= refreshing.top:
        yield _Option(highest + taken, refreshed=False, cost=0.0)
    if price is None or highest > refreshing.refreshed:
        return
    # The readers up to some level read the value before it is refreshed.
    for level in sorted({refreshing.start, *needed[:-1]}):
        if refreshing.start <= level < highest and level + taken <= refreshing.top:
            yield _Option(level + taken, refreshed=True, cost=price)


def _before(item: PackedStage, state: _State, start: int) -> _State:
    """The state in front of a stage that starts at a level."""
    needed = {name: set(levels) for name, levels in state if name != item.name}
    for name in item.inputs:
        needed.setdefault(name, set()).add(start)
    return tuple((name, tuple(sorted(needed[name]))) for name in sorted(needed))
