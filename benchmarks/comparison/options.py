"""A machine with one option after the other: what each is worth on the same program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_model.errors import AcceleratorError, MachineMismatchError
from accel_model.estimation.costs import slots_of
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.isa import Program
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from accel_model.timed.program import TimedProgram
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

NARROW_BITS = 28
NARROW = {"asic7": "asic7-28"}
"""Machine -> the one with words of `NARROW_BITS`."""


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


def generated(program: Program, machine: Machine) -> TimedProgram:
    """The timed program on a machine of this size as `rtl` generates it.

    It has one number of lanes in all units, operands in factor form, limbs packed at their prime's
    width, and one AXI4 port of at most 1,024 bits, so that a machine with more bandwidth waits.
    Raises `AcceleratorError` for a machine that is not made of our units or does not fit.
    """
    if machine.words["ntt.timing"] != "generated":
        raise MachineMismatchError(f"{machine.name} is not made of our units")
    width = machine.whole("word.bits")
    lanes = min(machine.whole("ntt.butterflies"), machine.whole("pointwise.lanes"))
    lanes = 1 << (lanes.bit_length() - 1)
    port = min(_WIDEST_PORT, min(q.bit_length() for q in program.moduli) * lanes)
    port = 1 << (port.bit_length() - 1)
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
    return schedule(program, shape, 1 << (_WORD_BITS * -(-width // _WORD_BITS)))


def as_generated(program: Program, machine: Machine) -> OptionRow:
    """The cycles of the timed program of `generated`, or why there is none."""
    try:
        timed = generated(program, machine)
    except AcceleratorError as error:
        return OptionRow("as generated", None, str(error))
    cycles, clock, port = run_time(timed).cycles, machine["clock.hz"], timed.shape.channel.data_bits
    rate = port / 8 * clock / 1e9
    reason = f"{cycles} cycles; one port of {port} bits, {rate:.3g} GB/s"
    return OptionRow("as generated", None, reason, cycles / clock)


def option_rows(
    program: Program, machine: Machine, narrow: Program | None = None
) -> list[OptionRow]:
    """The machine as generated, with each of `OPTIONS`, and with 28-bit words where it exists.

    narrow: the program of the same images with primes of at most 28 bits, for the latter.
    """
    rows = [as_generated(program, machine)]
    rows += [_row(name, program, machine, values) for name, values in OPTIONS.items()]
    if machine.name in NARROW:
        short = load_machine(NARROW[machine.name])
        words, used = f"{NARROW_BITS}-bit words", narrow or program
        rows.append(_row(words, used, short, {}))
        rows.append(_row(f"{words}, all three", used, short, OPTIONS["all three"]))
    return rows


def _row(
    name: str, program: Program, machine: Machine, values: Mapping[str, float]
) -> OptionRow:
    try:
        return OptionRow(name, estimate(program, machine.with_values(**values)))
    except AcceleratorError as error:
        return OptionRow(name, None, str(error))
