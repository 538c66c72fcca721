"""Time, energy and area of a program on a machine, with where they go."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel_model.estimate import schedule
from accel_model.estimate.energy import Area, Energy, area_of, energy_of, work_of
from accel_model.estimate.parts import Part, parts_of
from accel_model.estimate.schedule import CHANNEL, GENERATOR, KINDS, Costs
from accel_model.isa import Opcode, Program
from accel_model.machine import memory
from accel_model.machine.description import Machine
from accel_model.machine.errors import MachineMismatchError
from accel_model.machine.figures import weakest
from accel_model.machine.units import (
    AutomorphismTiming,
    NTTTiming,
    PipelinedNTTTiming,
    PlainNTTTiming,
    PointwiseTiming,
    Timing,
    generated_pointwise,
)

_UNIT = {Opcode.NTT: 0, Opcode.INTT: 0, Opcode.PERMUTE: 2, Opcode.LOAD: 3, Opcode.STORE: 3}


@dataclass(frozen=True)
class Estimate:
    """What a program costs on a machine. `tag`: the weakest figure that the time rests on."""

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


def estimate(
    program: Program, machine: Machine, residency: memory.Residency | None = None
) -> Estimate:
    """Schedule the program on the machine. Raises `MachineMismatchError`.

    residency: of the program in as many slots as the machine has, for those who keep it.
    """
    check_fits(program, machine)
    with _no_collection():
        return _estimate(program, machine, residency)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's search for cycles: a schedule is many small tuples and no cycle, and each
    search would visit them all, a third of the time of large programs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _estimate(
    program: Program, machine: Machine, residency: memory.Residency | None
) -> Estimate:
    if residency is None:
        residency = memory.allocate(program, slots_of(program.N, machine))
    costs = costs_of(program, machine, residency)
    units = [machine.whole(f"{kind}.count") for kind in KINDS[:3]] + [1, 1]
    needs = residency.needs if machine.prefetch else _in_order(residency, costs)
    result = schedule.run(needs, costs, units)
    ideal_cycles, bounds = schedule.ideal(*_ideal_steps(program, costs, residency), units)
    clock = machine["clock.hz"]
    time_s = result.cycles / clock
    traffic = traffic_of(program, machine, residency, costs)
    layers, operations = parts_of(
        program, machine, residency, costs, result, units, limb_bytes(program.N, machine)
    )
    arithmetic_pj, memory_bits = work_of(program, machine)
    # A limb that is fetched again or spilled crosses the on-chip memory once more.
    again_bits = 8 * (traffic["fetched again"] + traffic["spilled"])
    timed = [machine.figures[n] for n in machine.figures if not n.startswith(("energy", "area"))]
    return Estimate(
        machine=machine.name,
        instructions=len(program),
        steps=len(residency.needs),
        time_s=time_s,
        ideal_s=ideal_cycles / clock,
        bottleneck=max(bounds, key=bounds.__getitem__),
        bounds_s={name: cycles / clock for name, cycles in bounds.items()},
        utilisation={
            kind: result.busy[kind] / (result.cycles * unit) if result.cycles * unit else 0.0
            for kind, unit in zip(KINDS, units, strict=True)
        },
        external_bytes=traffic,
        slots=slots_of(program.N, machine),
        peak_slots=residency.peak_slots,
        energy=energy_of(
            machine,
            arithmetic_pj=float(arithmetic_pj.sum()),
            memory_bits=float(memory_bits.sum()) + again_bits,
            external_bytes=sum(traffic.values()),
            time_s=time_s,
        ),
        area=area_of(machine),
        layers=layers,
        operations=operations,
        tag=weakest(*timed),
    )


def limb_bytes(N: int, machine: Machine) -> float:
    """Bytes of one limb: residues are kept in the machine's words, without gaps."""
    return N * machine["word.bits"] / 8


def slots_of(N: int, machine: Machine) -> int:
    """How many limbs on-chip memory holds."""
    return int(machine["memory.bytes"] // limb_bytes(N, machine))


def check_fits(program: Program, machine: Machine) -> None:
    """Raise `MachineMismatchError` unless primes, limbs and ring degree fit the machine."""
    widest = max(program.moduli).bit_length()
    if widest > machine["word.bits"]:
        raise MachineMismatchError(
            f"{machine.where('word.bits')}: words of {machine.whole('word.bits')} bits, the "
            f"program's primes have up to {widest}: use word.bits = {widest} or more, or "
            "parameters with smaller primes"
        )
    slots = slots_of(program.N, machine)
    if slots < memory.MIN_SLOTS:
        needed = memory.MIN_SLOTS * limb_bytes(program.N, machine)
        raise MachineMismatchError(
            f"{machine.where('memory.bytes')}: {machine['memory.bytes']:.0f} bytes hold {slots} "
            f"limbs of N = {program.N}: at least {needed:.0f} bytes are needed"
        )
    least, most = machine.get("ring.least", 2), machine.get("ring.most", program.N)
    if not least <= program.N <= most:
        name = "ring.least" if least > program.N else "ring.most"
        raise MachineMismatchError(
            f"{machine.where(name)}: {machine.name} transforms rings of N = {least:.0f} to "
            f"{most:.0f}, the program has N = {program.N}: use parameters of that size"
        )
    _check_reduction(program, machine)
    if not machine["automorphism.count"] and (
        program.instructions["opcode"] == Opcode.PERMUTE
    ).any():
        raise MachineMismatchError(
            f"{machine.where('automorphism.count')}: {machine.name} has no automorphism unit, "
            "which the program's rotations need: choose another machine, or a computation "
            "without rotations"
        )
    if machine.words["ntt.timing"] == "generated" and 2 * machine["ntt.butterflies"] > program.N:
        raise MachineMismatchError(
            f"{machine.where('ntt.butterflies')}: {machine.whole('ntt.butterflies')} butterflies "
            f"for N = {program.N}: at most {program.N // 2} can work"
        )


def _check_reduction(program: Program, machine: Machine) -> None:
    root = 1 << int(machine.get("word.root_bits"))
    for q in program.moduli:
        if (q - 1) % root:
            bits = (q - 1 & 1 - q).bit_length() - 1
            raise MachineMismatchError(
                f"{machine.where('word.root_bits')}: the reduction takes moduli that are 1 modulo "
                f"{root}, the program has {q}: use a word.root_bits of {bits} or less"
            )


def timings(N: int, machine: Machine) -> tuple[Timing, PointwiseTiming, Timing]:
    """The timing of each kind of unit for one limb of N residues."""
    butterflies, kind = machine.whole("ntt.butterflies"), machine.words["ntt.timing"]
    multiplier = int(machine.get("ntt.multiplier_latency_cycles"))
    overhead = int(machine.get("ntt.overhead_cycles"))
    transform: Timing
    if kind == "generated":
        twiddles = machine.words.get("ntt.twiddles", "stored")
        latency = int(machine["ntt.butterfly_latency_cycles"])
        buffers = int(machine.get("ntt.buffers", 2))
        transform = NTTTiming(N, butterflies, buffers, twiddles, latency, multiplier)
    elif kind == "plain":
        stage = int(machine.get("ntt.stage_overhead_cycles"))
        transform = PlainNTTTiming(N, butterflies, overhead, stage)
    else:
        transform = PipelinedNTTTiming(N, butterflies, overhead)
    pointwise = generated_pointwise(N, machine.whole("pointwise.lanes"), multiplier, 2)
    image = AutomorphismTiming(
        N, machine.whole("automorphism.lanes"), int(machine.get("automorphism.buffers", 2))
    )
    return transform, pointwise, image


def costs_of(program: Program, machine: Machine, residency: memory.Residency) -> Costs:
    """Cycles of every step."""
    N, clock = program.N, machine["clock.hz"]
    rows = program.instructions
    transform, pointwise, automorphism = timings(N, machine)
    move = limb_bytes(N, machine) / machine["external.bytes_per_s"] * clock
    generate = N / (machine.get("external.generator_words_per_cycle") or float("inf"))
    # A change of modulus keeps a short limb's unit until the pipeline is empty.
    limb = max(pointwise.interval_cycles, pointwise.modulus_change_cycles)
    interval = (transform.interval_cycles, limb, automorphism.interval_cycles, move, generate)
    total = (
        transform.total_cycles,
        max(pointwise.total_cycles, limb),
        automorphism.total_cycles,
        move + machine["external.latency_s"] * clock,
        generate,
    )
    ports = machine["memory.banks"] * machine["memory.words_per_bank_cycle"]
    kinds = np.array([_UNIT.get(opcode, 1) for opcode in Opcode])[rows["opcode"]]
    if machine.keys_from_seeds:
        loads = rows["opcode"] == Opcode.LOAD
        kinds[loads & program.externals["seeded"][rows["external"]]] = GENERATOR
    writes = rows["destination"] >= 0
    port_cycles = (((rows["sources"] >= 0).sum(axis=1) + writes) * N / ports).tolist()
    kind_of = kinds.tolist()
    step_kinds = [kind_of[i] if i >= 0 else CHANNEL for i in residency.instruction]
    return Costs(
        kind=step_kinds,
        interval=[interval[kind] for kind in step_kinds],
        total=[max(total[kind], interval[kind]) for kind in step_kinds],
        memory=[port_cycles[index] if index >= 0 else N / ports for index in residency.instruction],
    )


def traffic_of(
    program: Program, machine: Machine, residency: memory.Residency, costs: Costs
) -> dict[str, float]:
    """External bytes: loaded once, stored, fetched again, spilled."""
    size = limb_bytes(program.N, machine)
    opcodes = program.instructions["opcode"]
    generated = sum(kind == GENERATOR for kind in costs.kind)
    return {
        "loaded": size * (int((opcodes == Opcode.LOAD).sum()) - generated),
        "stored": size * int((opcodes == Opcode.STORE).sum()),
        "fetched again": size * residency.fetches,
        "spilled": size * residency.spills,
    }


def _ideal_steps(
    program: Program, costs: Costs, residency: memory.Residency
) -> tuple[list[tuple[int, ...]], Costs]:
    """The program alone, in a memory without end: no fetches, no spills, data dependencies only."""
    kept = [step for step, index in enumerate(residency.instruction) if index >= 0]
    definitions = program.definitions.tolist()
    needs = [
        tuple(definitions[v] for v in row if v >= 0)
        for row in program.instructions["sources"].tolist()
    ]
    pick = [[column[step] for step in kept] for column in
            (costs.kind, costs.interval, costs.total, costs.memory)]  # fmt: skip
    return needs, Costs([int(kind) for kind in pick[0]], *pick[1:])


def _in_order(residency: memory.Residency, costs: Costs) -> list[tuple[int, ...]]:
    """Without prefetch, a transfer also waits for the step before it."""
    return [
        (*needs, step - 1) if step and costs.kind[step] >= CHANNEL else needs
        for step, needs in enumerate(residency.needs)
    ]
