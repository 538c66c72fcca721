"""What a network costs on a machine, from its plan alone: no keys, no encryption, no arithmetic."""

from __future__ import annotations

import time
from dataclasses import dataclass

import nn
from accel_model.estimation.costs import external_limb_bytes, limb_bytes
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.isa import Program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from nn.inference.search import WORD_BITS


@dataclass(frozen=True)
class HardwareCost:
    """An encrypted run of a network on a machine, of all its images together.

    options: which of packed limbs, seeds on chip and factored operands the machine has.
    traffic_bytes: through the external channel. on_chip_bytes: the most that on-chip memory holds
    at once. external_memory_bytes: room outside for keys, weights, ciphertexts, and every limb that
    on-chip memory had no room for at some time. area in area_unit, the same for every network. tag:
    the least certain of the figures that the time rests on. seconds: processor time of the trace,
    its lowering and the estimate.
    """

    network: str
    machine: str
    options: tuple[str, ...]
    images: int
    N: int
    instructions: int
    time_s: float
    energy_j: float
    traffic_bytes: float
    on_chip_bytes: float
    external_memory_bytes: float
    area: float
    area_unit: str
    bottleneck: str
    tag: str
    seconds: float


def hardware_cost(
    network: nn.Network,
    machine: Machine | str = "asic7",
    *,
    plan: nn.InferencePlan | None = None,
    images: int = 1,
) -> HardwareCost:
    """The time, energy, traffic and memory of encrypted images of `network` on `machine`.

    machine: one that was loaded, or a name or file for `accel_model.load_machine`. plan: of the
    network, by default `nn.compile(network)` with primes that fit the machine's words. Raises what
    these raise, and `MachineMismatchError` where the plan's program does not fit the machine.
    """
    machine = load_machine(machine) if isinstance(machine, str) else machine
    plan = nn.compile(network, word_bits=word_bits(machine)) if plan is None else plan
    begin = time.process_time()
    program = lower(plan.trace(network, images=images))
    result = estimate(program, machine)
    seconds = time.process_time() - begin
    return HardwareCost(
        network=network.name,
        machine=machine.name,
        options=tuple(name for name, on in _options(machine).items() if on),
        images=images,
        N=program.N,
        instructions=len(program),
        time_s=result.time_s,
        energy_j=result.energy.total_j,
        traffic_bytes=sum(result.external_bytes.values()),
        on_chip_bytes=result.peak_slots * limb_bytes(program.N, machine),
        external_memory_bytes=_outside(program, machine, result),
        area=result.area.total,
        area_unit=result.area.unit,
        bottleneck=result.bottleneck,
        tag=result.tag,
        seconds=seconds,
    )


def word_bits(machine: Machine) -> int | None:
    """The words that a plan for the machine must ask for; None where any plan's primes fit."""
    bits = machine.whole("word.bits")
    return bits if bits < WORD_BITS else None


def _options(machine: Machine) -> dict[str, bool]:
    return {
        "packed": machine.packed,
        "seeds": machine.keys_from_seeds,
        "factored": machine.factored,
    }


def _outside(program: Program, machine: Machine, result: Estimate) -> float:
    """The bytes of the program's arrays, and of every limb that is written out for want of room."""
    sizes = external_limb_bytes(program, machine)[program.externals["modulus"]]
    return float(sizes.sum()) + result.external_bytes["spilled"]
