"""What the steps of a program cost on a machine: cycles of the units, and external traffic."""

from __future__ import annotations

import numpy as np

from accel_model.estimation.residency import FETCH, Residency
from accel_model.estimation.schedule import CHANNEL, GENERATOR, KINDS, Costs
from accel_model.isa import Opcode, Program
from accel_model.machine.description import Machine
from accel_model.machine.units import (
    AutomorphismTiming,
    NTTTiming,
    PipelinedNTTTiming,
    PlainNTTTiming,
    PointwiseTiming,
    Timing,
    generated_pointwise,
)

# Every other opcode runs on a pointwise unit.
_KIND_OF = {
    Opcode.NTT: "ntt",
    Opcode.INTT: "ntt",
    Opcode.PERMUTE: "automorphism",
    Opcode.LOAD: "channel",
    Opcode.STORE: "channel",
}


_MOST_RESERVED = 64


def limb_bytes(N: int, machine: Machine) -> float:
    """Bytes of one limb, whose residues fill the machine's words without gaps."""
    return N * machine["word.bits"] / 8


def slots_of(N: int, machine: Machine) -> int:
    """The limbs that on-chip memory holds."""
    return int(machine["memory.bytes"] // limb_bytes(N, machine))


def reserve_of(slots: int, machine: Machine) -> int:
    """The slots that the allocator keeps free: `memory.reserve_limbs`, else a sixteenth of the
    slots, 64 at most. Loads and results then seldom wait for a slot to be emptied.
    """
    return int(machine.get("memory.reserve_limbs", min(max(1, slots // 16), _MOST_RESERVED)))


def unit_counts(machine: Machine) -> list[int]:
    """The number of units of each of `KINDS`; there is one channel and one generator of keys."""
    return [machine.whole(f"{kind}.count") for kind in KINDS[:CHANNEL]] + [1, 1]


def timings(N: int, machine: Machine) -> tuple[Timing, PointwiseTiming, Timing]:
    """The timings of the NTT, pointwise and automorphism units for limbs of N residues."""
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
    per_lane = 1 if machine.factored else 2
    pointwise = generated_pointwise(N, machine.whole("pointwise.lanes"), multiplier, per_lane)
    image = AutomorphismTiming(
        N, machine.whole("automorphism.lanes"), int(machine.get("automorphism.buffers", 2))
    )
    return transform, pointwise, image


def external_limb_bytes(program: Program, machine: Machine) -> np.ndarray:
    """float64 (moduli,): the bytes of a limb on the external channel, for each modulus."""
    if not machine.packed:
        return np.full(len(program.moduli), limb_bytes(program.N, machine))
    return np.array([program.N * q.bit_length() / 8 for q in program.moduli])


def moved_bytes(program: Program, machine: Machine, residency: Residency) -> list[float]:
    """The bytes that each step of a residency moves if it uses the external channel."""
    sizes = external_limb_bytes(program, machine)[program.instructions["modulus"]]
    # Sums of an overflow count are no residues: they keep the width of a word.
    sums = program.instructions["opcode"] == Opcode.FRACTION
    sizes = np.where(sums, limb_bytes(program.N, machine), sizes).tolist()
    defined = program.definitions.tolist()
    return [
        sizes[index] if index >= 0 else sizes[defined[value]]
        for index, value in zip(residency.instruction, residency.value, strict=True)
    ]


def two_pass_products(program: Program) -> np.ndarray:
    """bool (instructions,): products of two operands of which neither is a key or a plaintext.

    In lanes that take an operand in factor form, such a product is two passes: the first brings one
    operand to factor form.
    """
    rows = program.instructions
    kinds = np.array([o.kind in ("key", "plaintext") for o in program.objects] or [False])
    loads = rows["opcode"] == Opcode.LOAD
    fixed = np.zeros(program.values, dtype=bool)
    fixed[rows["destination"][loads]] = kinds[program.externals["object"][rows["external"][loads]]]
    products = (rows["opcode"] == Opcode.MUL) | (rows["opcode"] == Opcode.MULADD)
    both = rows["sources"][:, :2]
    known: np.ndarray = products & ~(fixed[both[:, 0]] | fixed[both[:, 1]])
    return known


def costs_of(program: Program, machine: Machine, residency: Residency) -> Costs:
    """The cycles of every step of a residency."""
    N, clock = program.N, machine["clock.hz"]
    rows = program.instructions
    transform, pointwise, automorphism = timings(N, machine)
    rate = machine["external.bytes_per_s"] * machine.get("external.efficiency", 1)
    latency = machine["external.latency_s"] * clock
    moves = [size / rate * clock for size in moved_bytes(program, machine, residency)]
    generate = N / (machine.get("external.generator_words_per_cycle") or float("inf"))
    # Behind a short limb of another modulus, the unit waits until its pipeline is empty.
    limb = max(pointwise.interval_cycles, pointwise.modulus_change_cycles)
    interval = (transform.interval_cycles, limb, automorphism.interval_cycles, 0.0, generate)
    total = (
        transform.total_cycles,
        max(pointwise.total_cycles, limb),
        automorphism.total_cycles,
        0.0,
        generate,
    )
    twice = two_pass_products(program) if machine.factored else np.zeros(len(program), dtype=bool)
    ports = machine["memory.banks"] * machine["memory.words_per_bank_cycle"]
    kind_of_opcode = [KINDS.index(_KIND_OF.get(opcode, "pointwise")) for opcode in Opcode]
    kinds = np.array(kind_of_opcode)[rows["opcode"]]
    if machine.keys_from_seeds:
        loads = rows["opcode"] == Opcode.LOAD
        kinds[loads & program.externals["seeded"][rows["external"]]] = GENERATOR
    writes = rows["destination"] >= 0
    port_cycles = (((rows["sources"] >= 0).sum(axis=1) + writes) * N / ports).tolist()
    kind_of = kinds.tolist()
    step_kinds = [kind_of[i] if i >= 0 else CHANNEL for i in residency.instruction]
    intervals = [
        move if kind == CHANNEL else interval[kind]
        for kind, move in zip(step_kinds, moves, strict=True)
    ]
    totals = [
        busy + latency if kind == CHANNEL else max(total[kind], busy)
        for kind, busy in zip(step_kinds, intervals, strict=True)
    ]
    if twice.any():
        for step, index in enumerate(residency.instruction):
            if index >= 0 and twice[index]:
                # The second pass begins when the first result is there.
                intervals[step] *= 2
                totals[step] += total[step_kinds[step]]
    return Costs(
        kind=step_kinds,
        interval=intervals,
        total=totals,
        memory=[port_cycles[index] if index >= 0 else N / ports for index in residency.instruction],
    )


def traffic_of(
    program: Program, machine: Machine, residency: Residency, costs: Costs
) -> dict[str, float]:
    """External bytes by their reason: loaded, stored, fetched again, spilled."""
    traffic = dict.fromkeys(("loaded", "stored", "fetched again", "spilled"), 0.0)
    opcodes = program.instructions["opcode"].tolist()
    moved = moved_bytes(program, machine, residency)
    for index, kind, size in zip(residency.instruction, costs.kind, moved, strict=True):
        if kind != CHANNEL:
            continue
        if index < 0:
            traffic["fetched again" if index == FETCH else "spilled"] += size
        else:
            traffic["loaded" if opcodes[index] == Opcode.LOAD else "stored"] += size
    return traffic
