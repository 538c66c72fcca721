"""What the steps of a program cost on a machine: cycles of the units, and external traffic."""

from __future__ import annotations

import numpy as np

from accel_model.estimation.residency import Residency
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
    pointwise = generated_pointwise(N, machine.whole("pointwise.lanes"), multiplier, 2)
    image = AutomorphismTiming(
        N, machine.whole("automorphism.lanes"), int(machine.get("automorphism.buffers", 2))
    )
    return transform, pointwise, image


def costs_of(program: Program, machine: Machine, residency: Residency) -> Costs:
    """The cycles of every step of a residency."""
    N, clock = program.N, machine["clock.hz"]
    rows = program.instructions
    transform, pointwise, automorphism = timings(N, machine)
    move = limb_bytes(N, machine) / machine["external.bytes_per_s"] * clock
    generate = N / (machine.get("external.generator_words_per_cycle") or float("inf"))
    # Behind a short limb of another modulus, the unit waits until its pipeline is empty.
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
    kind_of_opcode = [KINDS.index(_KIND_OF.get(opcode, "pointwise")) for opcode in Opcode]
    kinds = np.array(kind_of_opcode)[rows["opcode"]]
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
    program: Program, machine: Machine, residency: Residency, costs: Costs
) -> dict[str, float]:
    """External bytes by their reason: loaded, stored, fetched again, spilled."""
    size = limb_bytes(program.N, machine)
    opcodes = program.instructions["opcode"]
    generated = sum(kind == GENERATOR for kind in costs.kind)
    return {
        "loaded": size * (int((opcodes == Opcode.LOAD).sum()) - generated),
        "stored": size * int((opcodes == Opcode.STORE).sum()),
        "fetched again": size * residency.fetches,
        "spilled": size * residency.spills,
    }
