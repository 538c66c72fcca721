"""Time, energy and area of a program on a machine, with where they go."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass

from accel_model.estimation import schedule
from accel_model.estimation.costs import (
    costs_of,
    moved_bytes,
    reserve_of,
    slots_of,
    traffic_of,
    unit_counts,
)
from accel_model.estimation.energy import Area, Energy, area_of, energy_of, work_of
from accel_model.estimation.fitting import check_fits
from accel_model.estimation.grounds import grounds_of
from accel_model.estimation.parts import Part, parts_of
from accel_model.estimation.residency import Residency, allocate
from accel_model.estimation.schedule import CHANNEL, KINDS, Costs, Schedule
from accel_model.isa import Program
from accel_model.machine.description import Machine
from accel_model.machine.figures import least_certain


@dataclass(frozen=True)
class Estimate:
    """What a program costs on a machine.

    time_s: of the schedule. ideal_s: a bound that no schedule is below, the largest of bounds_s;
    bottleneck: the name of that bound. utilisation: the share of the time in which the units of
    each kind work. external_bytes: traffic by its reason. slots, peak_slots: limbs that on-chip
    memory holds, and the most that are in use. steps: instructions, fetches and spills. tag: the
    least certain tag of the figures that the time depends on. grounds: for "time", "energy" and
    "area" the share that rests on figures of each tag.
    """

    machine: str
    instructions: int
    steps: int
    time_s: float
    ideal_s: float
    bottleneck: str
    bounds_s: dict[str, float]
    utilisation: dict[str, float]
    external_bytes: dict[str, float]
    slots: int
    peak_slots: int
    energy: Energy
    area: Area
    layers: tuple[Part, ...]
    operations: tuple[Part, ...]
    tag: str
    grounds: dict[str, dict[str, float]]


def estimate(
    program: Program, machine: Machine, residency: Residency | None = None
) -> Estimate:
    """Schedule the program on the machine. Raises `MachineMismatchError` where it does not fit.

    residency: that of the program in the machine's slots, for callers who have it already.
    """
    check_fits(program, machine)
    with _no_collection():
        return _estimate(program, machine, residency)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's garbage collector: a schedule is many small tuples without cycles, and a
    collection visits them all, which takes a third of the time of large programs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _estimate(program: Program, machine: Machine, residency: Residency | None) -> Estimate:
    if residency is None:
        slots = slots_of(program.N, machine)
        residency = allocate(program, slots, reserve_of(slots, machine))
    costs, units = costs_of(program, machine, residency), unit_counts(machine)
    needs = residency.needs if machine.prefetch else _in_order(residency, costs)
    result = schedule.run(needs, costs, units)
    ideal_cycles, bounds = schedule.ideal(*_ideal_steps(program, costs, residency), units)
    clock = machine["clock.hz"]
    traffic = traffic_of(program, machine, residency, costs)
    layers, operations = parts_of(
        program, machine, residency, costs, result, units,
        moved_bytes(program, machine, residency),
    )
    timed = [machine.figures[n] for n in machine.figures if not n.startswith(("energy", "area"))]
    return Estimate(
        machine=machine.name,
        instructions=len(program),
        steps=len(residency.needs),
        time_s=result.cycles / clock,
        ideal_s=ideal_cycles / clock,
        bottleneck=max(bounds, key=bounds.__getitem__),
        bounds_s={name: cycles / clock for name, cycles in bounds.items()},
        utilisation=_utilisation(result, units),
        external_bytes=traffic,
        slots=slots_of(program.N, machine),
        peak_slots=residency.peak_slots,
        energy=_energy(program, machine, traffic, result.cycles / clock),
        area=area_of(machine),
        layers=layers,
        operations=operations,
        tag=least_certain(*timed),
        grounds=grounds_of(machine, layers),
    )


def _utilisation(result: Schedule, units: list[int]) -> dict[str, float]:
    """The share of the run in which the units of each kind work."""
    available = (result.cycles * count for count in units)
    return {
        kind: result.busy[kind] / cycles if cycles else 0.0
        for kind, cycles in zip(KINDS, available, strict=True)
    }


def _energy(
    program: Program, machine: Machine, traffic: dict[str, float], time_s: float
) -> Energy:
    arithmetic_pj, memory_bits, local_bits = work_of(program, machine)
    # A limb that is fetched again or spilled crosses the on-chip memory once more.
    again_bits = 8 * (traffic["fetched again"] + traffic["spilled"])
    return energy_of(
        machine,
        arithmetic_pj=float(arithmetic_pj.sum()),
        memory_bits=float(memory_bits.sum()) + again_bits,
        local_bits=float(local_bits.sum()),
        external_bytes=sum(traffic.values()),
        time_s=time_s,
    )


def _ideal_steps(
    program: Program, costs: Costs, residency: Residency
) -> tuple[list[tuple[int, ...]], Costs]:
    """The program in an unlimited memory: no fetches, no spills, and only data dependencies."""
    kept = [step for step, index in enumerate(residency.instruction) if index >= 0]
    definitions = program.definitions.tolist()
    needs = [
        tuple(definitions[v] for v in row if v >= 0)
        for row in program.instructions["sources"].tolist()
    ]
    pick = [[column[step] for step in kept] for column in
            (costs.kind, costs.interval, costs.total, costs.memory)]  # fmt: skip
    return needs, Costs([int(kind) for kind in pick[0]], *pick[1:])


def _in_order(residency: Residency, costs: Costs) -> list[tuple[int, ...]]:
    """Without prefetch, a transfer also waits for the step before it."""
    return [
        (*needs, step - 1) if step and costs.kind[step] >= CHANNEL else needs
        for step, needs in enumerate(residency.needs)
    ]
