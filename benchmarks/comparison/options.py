"""A machine with one option after the other: what each is worth on the same program."""

from __future__ import annotations

from dataclasses import dataclass

from accel_model.errors import AcceleratorError
from accel_model.estimation.estimate import Estimate, estimate
from accel_model.isa import Program
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine

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


@dataclass(frozen=True)
class OptionRow:
    """A machine with an option: its estimate, or why there is none."""

    name: str
    result: Estimate | None
    reason: str = ""


def option_rows(program: Program, machine: Machine) -> list[OptionRow]:
    """The machine with each of `OPTIONS`, and with words of 28 bits where such a machine exists."""
    rows = []
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
