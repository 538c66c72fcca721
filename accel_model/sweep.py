"""Many machines, one program: which of them are not beaten in time, area and energy at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accel_model.config import Machine
from accel_model.estimate import Estimate, estimate
from accel_model.isa import Program


@dataclass(frozen=True)
class Point:
    """One machine of a sweep; optimal: no other is better in one respect and worse in none."""

    values: dict[str, float]
    result: Estimate
    optimal: bool


def sweep(program: Program, machine: Machine, axes: Mapping[str, Sequence[float]]) -> list[Point]:
    """Estimate every combination of `axes`, name of a figure -> its values."""
    combinations = [
        dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
    ]
    results = [
        estimate(program, machine.with_values(**{k.replace(".", "__"): v for k, v in c.items()}))
        for c in combinations
    ]
    costs = [(r.time_s, r.area.total, r.energy.total_j) for r in results]
    return [
        Point(values, result, not any(beats(other, cost) for other in costs))
        for values, result, cost in zip(combinations, results, costs, strict=True)
    ]


def beats(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a is no worse than b in anything, and better in something."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)
