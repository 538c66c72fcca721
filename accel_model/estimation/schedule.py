"""When every step runs (list scheduling over the units), and the ideal bound.

A step starts when all steps that it needs have ended, a unit of its kind is free, and on-chip
memory has bandwidth left. Ready steps run in program order. The scheduler visits each step and each
dependency once: its time is linear, times the logarithm of the number of ready steps.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("ntt", "pointwise", "automorphism", "channel", "generator")
"""Kinds of units: three of arithmetic, the external channel, the generator of keys from seeds."""

CHANNEL, GENERATOR = KINDS.index("channel"), KINDS.index("generator")


@dataclass(frozen=True)
class Costs:
    """The costs of each step.

    kind: index in `KINDS`. The others are in cycles. interval: how long the step keeps its unit.
    total: from its start until its result is complete. memory: how long it keeps the memory's
    ports.
    """

    kind: Sequence[int]
    interval: Sequence[float]
    total: Sequence[float]
    memory: Sequence[float]


@dataclass(frozen=True)
class Schedule:
    """Start and end of every step in cycles. busy: the cycles of all units of each of `KINDS`."""

    start: list[float]
    end: list[float]
    busy: dict[str, float]
    memory_cycles: float
    cycles: float


def run(needs: Sequence[tuple[int, ...]], costs: Costs, units: Sequence[int]) -> Schedule:
    """Schedule the steps on `units[k]` units of kind k. needs: only earlier steps."""
    count = len(needs)
    waiting, followers = _graph(needs)
    start, end = [0.0] * count, [0.0] * count
    free = list(units)
    ready: list[list[int]] = [[] for _ in KINDS]
    for step in range(count):
        if not waiting[step]:
            heapq.heappush(ready[costs.kind[step]], step)
    # (time, step): a step ends; (time, -1 - kind): a unit of the kind is free again.
    events: list[tuple[float, int]] = []
    now = memory_free = 0.0
    while True:
        for kind, queue in enumerate(ready):
            while queue and free[kind]:
                step = heapq.heappop(queue)
                free[kind] -= 1
                begin = max(now, memory_free) if costs.memory[step] else now
                if costs.memory[step]:
                    memory_free = begin + costs.memory[step]
                start[step] = begin
                end[step] = begin + max(costs.total[step], costs.memory[step])
                heapq.heappush(events, (begin + costs.interval[step], -1 - kind))
                heapq.heappush(events, (end[step], step))
        if not events:
            break
        now = events[0][0]
        while events and events[0][0] == now:
            _, event = heapq.heappop(events)
            if event < 0:
                free[-1 - event] += 1
                continue
            for follower in followers[event]:
                waiting[follower] -= 1
                if not waiting[follower]:
                    heapq.heappush(ready[costs.kind[follower]], follower)
    busy = dict.fromkeys(KINDS, 0.0)
    for kind, interval in zip(costs.kind, costs.interval, strict=True):
        busy[KINDS[kind]] += interval
    return Schedule(start, end, busy, sum(costs.memory), max(end, default=0.0))


def ideal(
    needs: Sequence[tuple[int, ...]], costs: Costs, units: Sequence[int]
) -> tuple[float, dict[str, float]]:
    """The ideal cycles, and the bounds by name; the ideal is the greatest bound.

    There is a bound for each kind of unit, its work spread evenly over its units; a bound for the
    memory's ports; and the longest chain of dependent steps ("chain"). No schedule of these steps
    is below any of them.
    """
    bounds = dict.fromkeys(KINDS, 0.0)
    ends = [0.0] * len(needs)
    for step, before in enumerate(needs):
        kind = costs.kind[step]
        bounds[KINDS[kind]] += costs.interval[step] / units[kind]
        ends[step] = max((ends[b] for b in before), default=0.0) + costs.total[step]
    bounds["memory"] = sum(costs.memory)
    bounds["chain"] = max(ends, default=0.0)
    return max(bounds.values()), bounds


def _graph(needs: Sequence[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    waiting = [len(before) for before in needs]
    followers: list[list[int]] = [[] for _ in needs]
    for step, before in enumerate(needs):
        for earlier in before:
            followers[earlier].append(step)
    return waiting, followers
