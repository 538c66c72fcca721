"""Where an estimate's time, energy and traffic go: by layer, and by kind of operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from accel_model.estimation.energy import Energy, energy_of, work_of
from accel_model.estimation.residency import Residency
from accel_model.estimation.schedule import CHANNEL, KINDS, Costs, Schedule
from accel_model.isa import Opcode, Program
from accel_model.machine.description import Machine


@dataclass(frozen=True)
class Part:
    """A layer or a kind of operation: its time, its work, and its bottleneck.

    time_s: the time between two ends of steps belongs to the step that ends next, so the times of
    all parts add up to the total. time_by_kind_s: time_s by the kind of unit of these steps.
    span_s: the time in which an operation of the part is under way, from its first start of a step
    to its last end; spans of parts overlap. busy_s: for each kind of unit, the time that its units
    work, divided by their number. modular_products: those of whole
    transforms and of limb products. external_bytes: its external traffic.
    """

    name: str
    time_s: float
    span_s: float
    busy_s: dict[str, float]
    time_by_kind_s: dict[str, float]
    modular_products: float
    external_bytes: float
    energy: Energy

    @property
    def bottleneck(self) -> str:
        """The kind of unit that works longest."""
        return max(self.busy_s, key=self.busy_s.__getitem__)

    @property
    def ideal_s(self) -> float:
        """The time that the bottleneck works: no schedule of the part takes less."""
        return self.busy_s[self.bottleneck]

    @property
    def intensity(self) -> float:
        """Modular products for each external byte; infinite without traffic."""
        return self.modular_products / self.external_bytes if self.external_bytes else float("inf")


class _Tally:
    """The sums over the steps of one operation, in cycles, bytes, bits and picojoules."""

    def __init__(self) -> None:
        self.time = 0.0
        self.begin, self.end = float("inf"), 0.0
        self.busy = [0.0] * len(KINDS)
        self.kinds = [0.0] * len(KINDS)
        self.products = self.bytes = self.arithmetic_pj = 0.0
        self.memory_bits = self.local_bits = 0.0


def parts_of(
    program: Program,
    machine: Machine,
    residency: Residency,
    costs: Costs,
    result: Schedule,
    units: list[int],
    moved: list[float],
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """(the layers, the kinds of operations), in the order of the program.

    moved: the bytes that each step moves where it uses the channel. Fetches and spills belong to
    the operation that they make room for.
    """
    tallies: dict[int, _Tally] = defaultdict(_Tally)
    owners = _owners(program, residency)
    products = _products(program.N)[program.instructions["opcode"]].tolist()
    work = work_of(program, machine)
    arithmetic_pj, memory_bits, local_bits = (column.tolist() for column in work)
    reached = 0.0
    for step in sorted(range(len(owners)), key=result.end.__getitem__):
        tally, kind, index = tallies[owners[step]], costs.kind[step], residency.instruction[step]
        before, reached = reached, result.end[step]
        tally.time += reached - before
        tally.begin = min(tally.begin, result.start[step])
        tally.end = max(tally.end, result.end[step])
        tally.busy[kind] += costs.interval[step] / units[kind]
        tally.bytes += moved[step] if kind == CHANNEL else 0
        tally.kinds[kind] += result.end[step] - before
        if index >= 0:
            tally.products += products[index]
            tally.arithmetic_pj += arithmetic_pj[index]
            tally.memory_bits += memory_bits[index]
            tally.local_bits += local_bits[index]
        else:
            tally.memory_bits += 8 * moved[step]
    operations = program.operations
    layers = [(operations[number].layer or "all", tallies[number]) for number in sorted(tallies)]
    kinds = [(operations[number].kind, tallies[number]) for number in sorted(tallies)]
    return _grouped(layers, machine), _grouped(kinds, machine)


def _owners(program: Program, residency: Residency) -> list[int]:
    """The operation of every step."""
    of_instruction = program.instructions["operation"].tolist()
    owners = [0] * len(residency.instruction)
    last = 0
    for step in range(len(owners) - 1, -1, -1):
        index = residency.instruction[step]
        last = of_instruction[index] if index >= 0 else last
        owners[step] = last
    return owners


def _grouped(named: list[tuple[str, _Tally]], machine: Machine) -> tuple[Part, ...]:
    groups: dict[str, list[_Tally]] = defaultdict(list)
    for name, tally in named:
        groups[name].append(tally)
    return tuple(_part(name, members, machine) for name, members in groups.items())


def _part(name: str, members: list[_Tally], machine: Machine) -> Part:
    clock = machine["clock.hz"]
    time_s = sum(tally.time for tally in members) / clock
    moved = sum(tally.bytes for tally in members)
    busy = (sum(tally.busy[kind] for tally in members) for kind in range(len(KINDS)))
    return Part(
        name=name,
        time_s=time_s,
        span_s=_covered((tally.begin, tally.end) for tally in members) / clock,
        busy_s={kind: cycles / clock for kind, cycles in zip(KINDS, busy, strict=True)},
        time_by_kind_s={
            kind: sum(tally.kinds[number] for tally in members) / clock
            for number, kind in enumerate(KINDS)
        },
        modular_products=sum(tally.products for tally in members),
        external_bytes=moved,
        energy=energy_of(
            machine,
            arithmetic_pj=sum(tally.arithmetic_pj for tally in members),
            memory_bits=sum(tally.memory_bits for tally in members),
            local_bits=sum(tally.local_bits for tally in members),
            external_bytes=moved,
            time_s=time_s,
        ),
    )


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of the spans."""
    covered, reached = 0.0, 0.0
    for begin, end in sorted(spans):
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered


def _products(N: int) -> np.ndarray:
    """Modular products of each opcode on one limb."""
    butterflies = N // 2 * (N.bit_length() - 1)
    counts = {Opcode.NTT: butterflies, Opcode.INTT: butterflies}
    counts |= dict.fromkeys((Opcode.MUL, Opcode.MULADD, Opcode.MULSCALAR, Opcode.CONVERT), N)
    return np.array([counts.get(opcode, 0) for opcode in Opcode])
