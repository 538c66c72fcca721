"""A machine: its figures, the limits that they must keep, and what they must not contradict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from accel_model.errors import MachineFileError
from accel_model.machine.figures import Figure

LIMITS: dict[str, tuple[float, float]] = {
    "clock.hz": (1e3, 1e11),
    "word.bits": (8, 256),
    "ntt.count": (1, 1 << 16),
    "ntt.butterflies": (1, 1 << 16),
    "pointwise.count": (1, 1 << 16),
    "pointwise.lanes": (1, 1 << 20),
    "automorphism.count": (0, 1 << 16),
    "automorphism.lanes": (1, 1 << 20),
    "memory.bytes": (1, 1e13),
    "memory.banks": (1, 1 << 20),
    "memory.words_per_bank_cycle": (1, 1 << 16),
    "external.bytes_per_s": (1, 1e15),
    "external.latency_s": (0, 1),
    "energy.multiply_pj": (0, 1e6),
    "energy.add_pj": (0, 1e6),
    "energy.memory_pj_per_bit": (0, 1e6),
    "energy.external_pj_per_bit": (0, 1e6),
    "energy.leakage_w": (0, 1e5),
    "area.butterfly": (0, 1e12),
    "area.lane": (0, 1e12),
    "area.memory_byte": (0, 1e12),
}
"""Name of a figure that every machine states -> the least and the greatest value it can have."""

OPTIONAL: dict[str, tuple[float, float]] = {
    "ntt.butterfly_latency_cycles": (0, 1e4),
    "ntt.multiplier_latency_cycles": (0, 1e4),
    "ntt.buffers": (1, 2),
    "automorphism.buffers": (1, 2),
    "ntt.overhead_cycles": (0, 1e6),
    "memory.reserve_limbs": (0, 1 << 20),
    "ntt.stage_overhead_cycles": (0, 1e6),
    "external.generator_words_per_cycle": (0, 1 << 20),
    "node.nm": (1, 1e3),
    "ring.least": (2, 1 << 20),
    "ring.most": (2, 1 << 20),
    "word.root_bits": (1, 64),
    "area.automorphism_lane": (0, 1e12),
    "area.multiplier": (0, 1e12),
    "energy.local_pj_per_bit": (0, 1e6),
    "energy.queue_pj": (0, 1e6),
    "external.efficiency": (0.01, 1),
    "memory.local_bytes": (0, 1e13),
    "area.rest": (0, 1e12),
}
"""The same for figures that only some machines state. `memory.reserve_limbs`: the limbs of on-chip
memory that are kept free while others can be evicted. `ring`: the ring degrees that the machine
transforms. `word.root_bits`: the reduction needs moduli that are 1 modulo two to that power.
`area.rest`: the area that no other figure covers. `area.multiplier`: the one of `area.lane` that
lanes leave out whose operands come in factor form. `energy.local_pj_per_bit`,
`memory.local_bytes`: of the memories inside the units. `energy.queue_pj`: a word through a unit's
output queue. `external.efficiency`: the share of the channel's bytes a second that limbs reach."""

SWITCHES = {
    "external.prefetch": "prefetch",
    "external.keys_from_seeds": "keys_from_seeds",
    "external.packed": "packed",
    "pointwise.factored": "factored",
}
"""Name of a choice that is true or false -> the attribute of `Machine` that holds it."""

_WHOLE = re.compile(
    r"\.(count|butterflies|lanes|bits|bytes|banks|words_per_bank_cycle|least|most|buffers|"
    r"root_bits|reserve_limbs)$"
)


@dataclass(frozen=True)
class Machine:
    """An accelerator.

    figures: the numbers by their names, which are those of `LIMITS` and `OPTIONAL`. words: choices
    and names, for example "ntt.timing". path, lines: the file, and the line of each figure.
    `machine[name]` is the value of a figure. prefetch: loads start before their limb is needed.
    keys_from_seeds: uniform halves of keys are made on chip. factored: lanes take constant
    operands in factor form, with one multiplier each. packed: limbs move at the width of their
    prime.
    """

    name: str
    title: str
    figures: Mapping[str, Figure]
    words: Mapping[str, str]
    prefetch: bool
    keys_from_seeds: bool
    path: str
    lines: Mapping[str, int]
    factored: bool = False
    packed: bool = False

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value

    def whole(self, name: str) -> int:
        """A figure that counts something, as an integer."""
        return int(self.figures[name].value)

    def get(self, name: str, default: float = 0.0) -> float:
        """A figure, or `default` where the machine does not state it."""
        return self.figures[name].value if name in self.figures else default

    def where(self, name: str) -> str:
        """File and line of a figure, for messages."""
        return f"{self.path}:{self.lines.get(name, 1)}"

    def with_values(self, **values: float) -> Machine:
        """The machine with other values; `ntt__count` stands for "ntt.count".

        A switch (`SWITCHES`) is 0 or 1; "clusters" is the number of units of every kind. Raises
        `MachineFileError` for values that are out of range or contradict each other.
        """
        figures = dict(self.figures)
        switches: dict[str, Any] = {}
        for name, value in _clusters_apart(values).items():
            dotted = name.replace("__", ".")
            if dotted in SWITCHES:
                if value not in (0, 1):
                    raise MachineFileError(f"{dotted} = {value:g}: a switch is 0 or 1")
                switches[SWITCHES[dotted]] = bool(value)
            else:
                figures[dotted] = Figure(value, "assumed", "chosen in a sweep")
        for name in figures:
            check_range(name, figures[name].value, self.where(name))
        changed = replace(self, figures=figures, **switches)
        check_together(changed)
        return changed


def _clusters_apart(values: Mapping[str, float]) -> dict[str, float]:
    """The values with a number of units of each kind in place of "clusters"."""
    apart = dict(values)
    clusters = apart.pop("clusters", None)
    if clusters is not None:
        apart |= {f"{kind}__count": clusters for kind in ("ntt", "pointwise", "automorphism")}
    return apart


def check_range(name: str, value: float, where: str) -> None:
    """Raise `MachineFileError` unless a figure lies within its limits; `where`: file and line."""
    low, high = LIMITS.get(name) or OPTIONAL[name]
    if not low <= value <= high:
        raise MachineFileError(
            f"{where}: {name} = {value:g}: a value from {low:g} to {high:g} is needed"
        )
    if _WHOLE.search(name) and value != int(value):
        raise MachineFileError(f"{where}: {name} = {value:g}: a whole number is needed")


def check_together(machine: Machine) -> None:
    """Raise `MachineFileError` where figures contradict each other."""
    latencies = ("ntt.butterfly_latency_cycles", "ntt.multiplier_latency_cycles")
    if machine.words["ntt.timing"] == "generated":
        lacking = [name for name in latencies if name not in machine.figures]
        if lacking:
            raise MachineFileError(
                f"{machine.where('ntt.timing')}: a generated NTT unit needs {', '.join(lacking)}"
            )
        butterflies = machine.whole("ntt.butterflies")
        if butterflies & (butterflies - 1):
            raise MachineFileError(
                f"{machine.where('ntt.butterflies')}: {butterflies} butterflies: a generated unit "
                f"has a power of two, for example {1 << butterflies.bit_length() - 1}"
            )
    least, most = machine.get("ring.least", 2), machine.get("ring.most", float("inf"))
    if least > most:
        raise MachineFileError(
            f"{machine.where('ring.least')}: ring.least = {least:g} is above ring.most = {most:g}: "
            "exchange them"
        )
    if machine.factored and machine["area.lane"] and "area.multiplier" not in machine.figures:
        raise MachineFileError(
            f"{machine.where('pointwise.factored')}: lanes with operands in factor form have one "
            "multiplier less: state area.multiplier, or leave pointwise.factored out"
        )
    if machine.keys_from_seeds and not machine.get("external.generator_words_per_cycle"):
        raise MachineFileError(
            f"{machine.where('external.keys_from_seeds')}: keys from seeds need "
            "external.generator_words_per_cycle, the rate of their generator"
        )
