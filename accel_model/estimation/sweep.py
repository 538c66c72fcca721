"""Variations of a machine on one computation, and which of them are Pareto-optimal."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from accel_model.errors import MachineMismatchError, WorkloadError
from accel_model.estimation.costs import reserve_of, slots_of
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.estimation.fitting import check_fits
from accel_model.estimation.residency import Residency, allocate
from accel_model.isa import Program
from accel_model.machine.description import Machine
from accel_model.machine.figures import Figure
from he.trace import OpTrace

WORD_EXPONENTS = {
    "energy.multiply_pj": 2,
    "energy.add_pj": 1,
    "area.butterfly": 2,
    "area.lane": 2,
    "area.multiplier": 2,
    "energy.queue_pj": 1,
    "area.automorphism_lane": 1,
}
"""Figures that grow with a power of the word width: multipliers with its square (the multipliers
that `rtl` measured at 28 to 60 bits grow with powers from 1.2 to 2.7), adders and permutations with
the width."""

STEPS = (0.5, 1.0, 2.0)
"""Factors of the figures of `STANDARD_AXES`."""

STANDARD_AXES = (
    "ntt.butterflies",
    "pointwise.lanes",
    "memory.bytes",
    "external.bytes_per_s",
)


class Variant(NamedTuple):
    """One way to compute the same result, for example with other key-switching digits.

    values: the columns that tell the variants apart.
    """

    values: dict[str, float]
    program: Program


@dataclass(frozen=True)
class Point:
    """A machine and a variant, with its estimate.

    optimal: no other point is better in one respect and worse in none (Pareto front).
    """

    values: dict[str, float]
    result: Estimate
    optimal: bool


def sweep(
    variants: Sequence[Variant],
    machine: Machine,
    axes: Mapping[str, Sequence[float]],
    *,
    report: Callable[[str], None] = print,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Point]:
    """Estimate every variant on every combination of `axes`: name of a figure -> its values.

    Points are compared in time, area, energy and bandwidth, and in memory where memory has no area:
    otherwise a larger machine would win by a figure that costs nothing. `report` is told of
    combinations that a program does not fit, `advance` is called after every estimate. Raises
    `MachineMismatchError` when no combination fits.
    """
    found: list[tuple[dict[str, float], Estimate, tuple[float, ...]]] = []
    refused: dict[str, int] = defaultdict(int)
    kept: dict[tuple[int, int, int], Residency] = {}
    for (number, variant), values in itertools.product(enumerate(variants), combinations(axes)):
        changed = with_values(machine, values)
        program = variant.program
        try:
            check_fits(program, changed)
            slots = slots_of(program.N, changed)
            place = number, slots, reserve_of(slots, changed)
            if place not in kept:
                kept[place] = allocate(program, *place[1:])
            result = estimate(program, changed, kept[place])
        except MachineMismatchError as error:
            refused[str(error)] += 1
        else:
            found.append(({**variant.values, **values}, result, _costs(changed, result)))
        advance(1)
    for problem, count in refused.items():
        report(f"{count} combinations left out: {problem}")
    if not found:
        raise MachineMismatchError("; ".join(refused) or "there is nothing to estimate")
    return [
        Point(values, result, not any(beats(other, costs) for *_, other in found))
        for values, result, costs in found
    ]


def combinations(axes: Mapping[str, Sequence[float]]) -> Iterator[dict[str, float]]:
    """Every choice of one value from each axis."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def standard_axes(machine: Machine) -> dict[str, list[float]]:
    """Half, the same and double of butterflies, lanes, memory and bandwidth; whole values only."""
    return {
        name: [float(value) for value in (f * machine[name] for f in STEPS) if value == int(value)]
        for name in STANDARD_AXES
    }


def with_values(machine: Machine, values: Mapping[str, float]) -> Machine:
    """The machine with other figures.

    A change of `word.bits` scales the figures of `WORD_EXPONENTS`, except those in `values`.
    """
    changed = machine.with_values(**{k.replace(".", "__"): v for k, v in values.items()})
    bits = changed["word.bits"]
    factor = bits / machine["word.bits"]
    scaled = {
        name: Figure(
            machine[name] * factor**exponent,
            "assumed",
            f"scaled to {bits:g} bits, with the width to the power of {exponent}: "
            f"{machine.figures[name].origin}",
        )
        for name, exponent in WORD_EXPONENTS.items()
        if factor != 1 and name in machine.figures and name not in values
    }
    return replace(changed, figures={**changed.figures, **scaled})


def variants_of(traced: Iterable[tuple[OpTrace, Program]]) -> list[Variant]:
    """Variants that dnum, N and, in batches, the number of images tell apart.

    Raises `WorkloadError` where two agree in all.
    """
    variants: list[Variant] = []
    traced = list(traced)
    batches = len({len(trace.inputs) for trace, _ in traced}) > 1
    for trace, program in traced:
        digits = len(trace.levels[-1].digits)
        values: dict[str, float] = {"dnum": digits, "N": trace.N}
        if batches:
            values["images"] = len(trace.inputs)
        if any(values == other.values for other in variants):
            raise WorkloadError(
                f"two traces have {_words(values)}: give traces that differ in one of them"
            )
        variants.append(Variant(values, program))
    return variants


def beats(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a is nowhere worse than b and somewhere better; smaller costs are better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def _costs(machine: Machine, result: Estimate) -> tuple[float, ...]:
    costs = [result.time_s, result.area.total, result.energy.total_j]
    costs.append(machine["external.bytes_per_s"])
    if not machine["area.memory_byte"]:
        costs.append(machine["memory.bytes"])
    return tuple(costs)


def _words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in values.items())
