"""A machine with one option after the other: what each is worth on the same program."""

from __future__ import annotations

from dataclasses import dataclass

from accel_model.errors import AcceleratorError
from accel_model.estimation.costs import slots_of
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.isa import Program
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from accel_model.timed.scheduler import schedule
from accel_model.timed.shape import Channel, Shape
from accel_model.timed.timeline import run_time

OPTIONS: dict[str, dict[str, float]] = {
    "packed limbs": {"external__packed": 1},
    "seeds on chip": {"external__keys_from_seeds": 1},
    "factored operands": {"pointwise__factored": 1},
    "all three": {
        "external__packed": 1,
        "external__keys_from_seeds": 1,
        "pointwise__factored": 1,
    },
}
"""Name of an option -> the values of the machine that it sets."""

NARROW = {"asic7": "asic7-28"}
"""Machine -> the same machine with words of 28 bits."""


_WIDEST_PORT, _WORD_BITS = 1024, 14


@dataclass(frozen=True)
class OptionRow:
    """A machine with an option: its estimate, or why there is none.

    generated_s: the time of the timed program on the machine as `rtl` generates it, which has no
    energy and no area of its own.
    """

    name: str
    result: Estimate | None
    reason: str = ""
    generated_s: float | None = None


def as_generated(program: Program, machine: Machine) -> OptionRow:
    """The cycles of the timed program on a machine of this size as `rtl` generates it.

    It has one number of lanes in all units, operands in factor form, limbs packed at their prime's
    width, and one AXI4 port of at most 1,024 bits, so that a machine with more bandwidth waits.
    """
    name = "as generated"
    if machine.words["ntt.timing"] != "generated":
        return OptionRow(name, None, f"{machine.name} is not made of our units")
    width = machine.whole("word.bits")
    lanes = min(machine.whole("ntt.butterflies"), machine.whole("pointwise.lanes"))
    lanes = 1 << (lanes.bit_length() - 1)
    port = min(_WIDEST_PORT, min(q.bit_length() for q in program.moduli) * lanes)
    port = 1 << (port.bit_length() - 1)
    try:
        shape = Shape(
            N=program.N,
            moduli=program.moduli,
            width=width,
            lanes=lanes,
            slots=slots_of(program.N, machine),
            multiplier_latency_cycles=machine.whole("ntt.multiplier_latency_cycles"),
            butterfly_latency_cycles=machine.whole("ntt.butterfly_latency_cycles"),
            ntt_units=machine.whole("ntt.count"),
            pointwise_units=machine.whole("pointwise.count"),
            automorphism_units=machine.whole("automorphism.count"),
            channel=Channel(data_bits=port, burst_beats=min(64, 4096 * 8 // port)),
        )
        radix = 1 << (_WORD_BITS * -(-width // _WORD_BITS))
        cycles = run_time(schedule(program, shape, radix)).cycles
    except AcceleratorError as error:
        return OptionRow(name, None, str(error))
    rate = port / 8 * machine["clock.hz"] / 1e9
    reason = f"{cycles} cycles; one port of {port} bits, {rate:.3g} GB/s"
    return OptionRow(name, None, reason, cycles / machine["clock.hz"])


def option_rows(program: Program, machine: Machine) -> list[OptionRow]:
    """The machine as generated, with each of `OPTIONS`, and with 28-bit words where it exists."""
    rows = [as_generated(program, machine)]
    for name, values in OPTIONS.items():
        try:
            rows.append(OptionRow(name, estimate(program, machine.with_values(**values))))
        except AcceleratorError as error:
            rows.append(OptionRow(name, None, str(error)))
    if machine.name in NARROW:
        try:
            rows.append(OptionRow("28-bit words", estimate(program, load_machine("asic7-28"))))
        except AcceleratorError as error:
            rows.append(OptionRow("28-bit words", None, str(error)))
    return rows
