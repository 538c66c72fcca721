"""The machine as data: a TOML file, checked once, then frozen.

Every number is a table: `{ value, tag, origin }`, or, where our own hardware was measured,
`{ block, target, field }`, which names an entry of rtl/results; with `scale` and `origin` it is
calibrated: the measured value times `scale`, for the reason that `origin` states.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accel_model.machine import calibration
from accel_model.machine.errors import CalibrationError, MachineFileError
from accel_model.machine.figures import TAGS, Figure

CONFIGS = Path(__file__).parent / "configs"
# Words that stand for a choice -> the choices.
CHOICES = {
    "ntt.timing": ("generated", "plain", "pipelined"),
    "ntt.twiddles": ("stored", "generated"),
}

# Name -> the least and the greatest value that a machine can have; all are needed.
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
# Only some machines state these. ring: the degrees that it transforms; word.root_bits: its
# reduction needs moduli that are 1 modulo two to that power; area.rest: what no other area holds.
OPTIONAL: dict[str, tuple[float, float]] = {
    "ntt.butterfly_latency_cycles": (0, 1e4),
    "ntt.multiplier_latency_cycles": (0, 1e4),
    "ntt.buffers": (1, 2),
    "automorphism.buffers": (1, 2),
    "ntt.overhead_cycles": (0, 1e6),
    "ntt.stage_overhead_cycles": (0, 1e6),
    "external.generator_words_per_cycle": (0, 1 << 20),
    "node.nm": (1, 1e3),
    "ring.least": (2, 1 << 20),
    "ring.most": (2, 1 << 20),
    "word.root_bits": (1, 64),
    "area.automorphism_lane": (0, 1e12),
    "area.rest": (0, 1e12),
}
_WORDS = {"name", "title", "area.unit", "ntt.timing", "ntt.twiddles"}
_SWITCHES = {"external.prefetch", "external.keys_from_seeds"}
_WHOLE = re.compile(
    r"\.(count|butterflies|lanes|bits|bytes|banks|words_per_bank_cycle|least|most|buffers|"
    r"root_bits)$"
)

_SCALED_TAGS = ("calibrated", "assumed")


@dataclass(frozen=True)
class Machine:
    """An accelerator. figures: the numbers by their names, see `LIMITS`; lines: where the file
    states them."""

    name: str
    title: str
    figures: Mapping[str, Figure]
    words: Mapping[str, str]
    prefetch: bool
    keys_from_seeds: bool
    path: str
    lines: Mapping[str, int]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value

    def whole(self, name: str) -> int:
        """A figure that counts something."""
        return int(self.figures[name].value)

    def get(self, name: str, default: float = 0.0) -> float:
        """An optional figure."""
        return self.figures[name].value if name in self.figures else default

    def where(self, name: str) -> str:
        """File and line of a figure, for messages."""
        return f"{self.path}:{self.lines.get(name, 1)}"

    def with_values(self, **values: float) -> Machine:
        """The machine with other numbers; "ntt__count" stands for "ntt.count"."""
        figures = dict(self.figures)
        for name, value in values.items():
            figures[name.replace("__", ".")] = Figure(value, "assumed", "chosen in a sweep")
        for name in figures:
            _check_range(name, figures[name].value, self.where(name))
        changed = replace(self, figures=figures)
        _check_together(changed)
        return changed


def machine_names() -> list[str]:
    """The machines that come with the model."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def load_machine(name: str) -> Machine:
    """A machine by name, or by the path of its file. Raises `MachineFileError`."""
    path = Path(name) if name.endswith(".toml") else CONFIGS / f"{name}.toml"
    if not path.exists():
        raise MachineFileError(
            f"machine {name!r} does not exist: choose one of {', '.join(machine_names())}, or give "
            "the path of a .toml file"
        )
    shown = path.name if path.parent == CONFIGS else str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MachineFileError(f"{shown}: no text, so no machine: {error}") from error
    return parse_machine(text, shown)


def parse_machine(text: str, path: str) -> Machine:
    """The machine that `text` describes; `path` is for messages. Raises `MachineFileError`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise MachineFileError(f"{path}:{line}: not TOML: {error}") from error
    lines = _lines(text)
    known = {*LIMITS, *OPTIONAL, *_WORDS, *_SWITCHES}
    flat: dict[str, Any] = {}
    for section, value in content.items():
        is_section = isinstance(value, dict)
        for name, entry in value.items() if is_section else [("", value)]:
            flat[f"{section}.{name}" if name else section] = entry
    for name in flat:
        if name not in known:
            close = [k for k in sorted(known) if k.split(".")[0] == name.split(".")[0]]
            raise MachineFileError(
                f"{path}:{lines.get(name, 1)}: {name} is not known; known are "
                f"{', '.join(close or sorted(known))}"
            )
    needed = {*LIMITS, "name", "title", "area.unit", "ntt.timing"}
    missing = sorted(needed - set(flat))
    if missing:
        section = missing[0].split(".")[0]
        line = next((n for key, n in lines.items() if key.split(".")[0] == section), 1)
        raise MachineFileError(f"{path}:{line}: {', '.join(missing)} is missing: add it")
    figures = {}
    for name in [*LIMITS, *OPTIONAL]:
        if name in flat:
            where = f"{path}:{lines.get(name, 1)}"
            figures[name] = _figure(flat[name], name, where)
            _check_range(name, figures[name].value, where)
    _check_kinds(flat, lines, path)
    machine = Machine(
        name=flat["name"],
        title=flat["title"],
        figures=figures,
        words={name: flat[name] for name in _WORDS if name in flat},
        prefetch=flat.get("external.prefetch", True),
        keys_from_seeds=flat.get("external.keys_from_seeds", False),
        path=path,
        lines=lines,
    )
    _check_together(machine)
    return machine


def _check_kinds(flat: Mapping[str, Any], lines: Mapping[str, int], path: str) -> None:
    """Names, choices and switches are what they must be."""
    for name in sorted((_WORDS | _SWITCHES) & set(flat)):
        where, value = f"{path}:{lines.get(name, 1)}", flat[name]
        if name in _SWITCHES and not isinstance(value, bool):
            raise MachineFileError(f"{where}: {name} = {value!r}: true or false is needed")
        if name in _WORDS and not (isinstance(value, str) and value.strip()):
            raise MachineFileError(f"{where}: {name} = {value!r}: words in quotes are needed")
        if name in CHOICES and value not in CHOICES[name]:
            raise MachineFileError(
                f"{where}: {name} = {value!r}: choose one of {', '.join(CHOICES[name])}"
            )


def _lines(text: str) -> dict[str, int]:
    """Dotted name -> number of the line that states it."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.]+)\]", line):
            section = header[1] + "."
            lines.setdefault(header[1], number)
        elif key := re.match(r"\s*([\w.]+)\s*=", line):
            lines[section + key[1]] = number
    return lines


def _figure(entry: Any, name: str, where: str) -> Figure:
    if isinstance(entry, dict) and {"block", "target", "field"} <= set(entry):
        return _measured(entry, name, where)
    if not isinstance(entry, dict) or set(entry) != {"value", "tag", "origin"}:
        raise MachineFileError(
            f"{where}: {name} = {entry!r}: needed is {{ value, tag, origin }}, or "
            "{ block, target, field } of a measurement, with { scale, origin } if it is scaled"
        )
    value = entry["value"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MachineFileError(f"{where}: {name} = {value!r}: a number is needed")
    if entry["tag"] not in TAGS or not str(entry["origin"]).strip():
        raise MachineFileError(
            f"{where}: {name} needs an origin, and a tag out of {', '.join(TAGS)}"
        )
    if entry["tag"] == "measured":
        raise MachineFileError(
            f"{where}: {name} is called measured: name the measurement as "
            "{ block, target, field }, or use another tag"
        )
    return Figure(float(value), str(entry["tag"]), str(entry["origin"]))


def _measured(entry: dict[str, Any], name: str, where: str) -> Figure:
    extra = set(entry) - {"block", "target", "field"}
    try:
        found = calibration.find(entry["block"], str(entry["target"]))
        figure = calibration.figure(found, str(entry["field"]))
    except CalibrationError as error:
        raise CalibrationError(f"{where}: {name}: {error}") from error
    if not extra:
        return figure
    scale, origin = entry.get("scale"), str(entry.get("origin", "")).strip()
    tag = str(entry.get("tag", "calibrated"))
    named = {"scale", "origin"} <= extra <= {"scale", "origin", "tag"}
    if not (named and isinstance(scale, (int, float)) and origin and tag in _SCALED_TAGS):
        raise MachineFileError(
            f"{where}: {name}: beside block, target and field a measurement takes a number "
            f"`scale`, an `origin` and a `tag` out of {', '.join(_SCALED_TAGS)}; it has "
            f"{', '.join(sorted(extra))}"
        )
    return Figure(figure.value * scale, tag, f"{figure.origin}; times {scale:g}: {origin}")


def _check_range(name: str, value: float, where: str) -> None:
    low, high = LIMITS.get(name) or OPTIONAL[name]
    if not low <= value <= high:
        raise MachineFileError(f"{where}: {name} = {value:g}: it must be from {low:g} to {high:g}")
    if _WHOLE.search(name) and value != int(value):
        raise MachineFileError(f"{where}: {name} = {value:g}: a whole number is needed")


def _check_together(machine: Machine) -> None:
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
    if machine.keys_from_seeds and not machine.get("external.generator_words_per_cycle"):
        raise MachineFileError(
            f"{machine.where('external.keys_from_seeds')}: keys from seeds need "
            "external.generator_words_per_cycle, the rate of their generator"
        )
