"""Machines in files: TOML, read and checked once.

Every figure is a table: `{ value, tag, origin }`, or, for our own hardware,
`{ block, target, field }`, which names a measurement of rtl/results. With `scale` and `origin` such
a figure is calibrated: the measured value times `scale`, for the reason that `origin` states.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_model.errors import CalibrationError, MachineFileError
from accel_model.machine import calibration
from accel_model.machine.description import (
    LIMITS,
    OPTIONAL,
    SWITCHES,
    Machine,
    check_range,
    check_together,
)
from accel_model.machine.figures import TAGS, Figure
from he.format.files import read_text

CONFIGS = Path(__file__).parent / "configs"
"""The folder of the machines that come with the model."""

CHOICES = {
    "ntt.timing": ("generated", "plain", "pipelined"),
    "ntt.twiddles": ("stored", "generated"),
}
"""Name of a choice -> the words that it can be."""

_WORDS = {"name", "title", "area.unit", *CHOICES}
_SWITCHES = set(SWITCHES)
_NEEDED = {*LIMITS, "name", "title", "area.unit", "ntt.timing"}
_SCALED_TAGS = ("calibrated", "assumed")
_LARGEST_BYTES = 1 << 20


def machine_names() -> list[str]:
    """The names of the machines that come with the model, sorted."""
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
        text = read_text(path, _LARGEST_BYTES)
    except UnicodeDecodeError as error:
        raise MachineFileError(f"{shown}: not a text file: {error}") from error
    return parse_machine(text, shown)


def parse_machine(text: str, path: str) -> Machine:
    """The machine that `text` describes; `path` is for messages. Raises `MachineFileError`."""
    entries = _read(text, path)
    _check_names(entries)
    figures = _figures(entries)
    _check_kinds(entries)
    content = entries.content
    machine = Machine(
        name=content["name"],
        title=content["title"],
        figures=figures,
        words={name: content[name] for name in _WORDS if name in content},
        prefetch=content.get("external.prefetch", True),
        keys_from_seeds=content.get("external.keys_from_seeds", False),
        factored=content.get("pointwise.factored", False),
        packed=content.get("external.packed", False),
        path=path,
        lines=entries.lines,
    )
    check_together(machine)
    return machine


@dataclass(frozen=True)
class _Entries:
    """Entries by their dotted names, as TOML has them, and the lines that state them."""

    content: Mapping[str, Any]
    lines: Mapping[str, int]
    path: str

    def where(self, name: str) -> str:
        """File and line of an entry; line 1 for one that is missing."""
        return f"{self.path}:{self.lines.get(name, 1)}"


def _read(text: str, path: str) -> _Entries:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of the parser, and of numbers that it reads
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise MachineFileError(f"{path}:{line}: not TOML: {error}") from error
    flat: dict[str, Any] = {}
    for section, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{section}.{name}": entry for name, entry in value.items()}
        else:
            flat[section] = value
    return _Entries(flat, _lines(text), path)


def _check_names(entries: _Entries) -> None:
    """Every name is known, and every needed name is there."""
    known = {*LIMITS, *OPTIONAL, *_WORDS, *_SWITCHES}
    for name in entries.content:
        if name not in known:
            close = [k for k in sorted(known) if k.split(".")[0] == name.split(".")[0]]
            raise MachineFileError(
                f"{entries.where(name)}: {name} is not known; known are "
                f"{', '.join(close or sorted(known))}"
            )
    missing = sorted(_NEEDED - set(entries.content))
    if missing:
        section = missing[0].split(".")[0]
        line = next((n for key, n in entries.lines.items() if key.split(".")[0] == section), 1)
        raise MachineFileError(f"{entries.path}:{line}: {', '.join(missing)} is missing: add it")


def _check_kinds(entries: _Entries) -> None:
    """Words, choices and switches have values of their kind."""
    for name in sorted((_WORDS | _SWITCHES) & set(entries.content)):
        where, value = entries.where(name), entries.content[name]
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


def _figures(entries: _Entries) -> dict[str, Figure]:
    figures = {}
    for name in [*LIMITS, *OPTIONAL]:
        if name in entries.content:
            where = entries.where(name)
            figures[name] = _figure(entries.content[name], name, where)
            check_range(name, figures[name].value, where)
    return figures


def _figure(entry: Any, name: str, where: str) -> Figure:
    if isinstance(entry, dict) and {"block", "target", "field"} <= set(entry):
        return _measured(entry, name, where)
    if isinstance(entry, dict) and "terms" in entry:
        return _summed(entry, name, where)
    if not isinstance(entry, dict) or set(entry) != {"value", "tag", "origin"}:
        raise MachineFileError(
            f"{where}: {name} = {entry!r}: {{ value, tag, origin }} is needed, or "
            "{ block, target, field } of a measurement, with { scale, origin } to scale it, or "
            "{ terms, scale, origin } for a sum of measurements"
        )
    value = entry["value"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MachineFileError(f"{where}: {name} = {value!r}: a number is needed")
    if entry["tag"] not in TAGS or not str(entry["origin"]).strip():
        raise MachineFileError(
            f"{where}: {name} needs an origin, and one of the tags {', '.join(TAGS)}"
        )
    if entry["tag"] == "measured":
        raise MachineFileError(
            f"{where}: {name} has the tag measured: name the measurement as "
            "{ block, target, field }, or use another tag"
        )
    return Figure(float(value), str(entry["tag"]), str(entry["origin"]))


def _summed(entry: dict[str, Any], name: str, where: str) -> Figure:
    """`scale` times the sum of measurements, each `times` so often."""
    terms, scale = entry["terms"], entry.get("scale")
    named = set(entry) == {"terms", "scale", "origin"} and str(entry.get("origin", "")).strip()
    if not (named and isinstance(scale, (int, float)) and isinstance(terms, list)):
        raise MachineFileError(
            f"{where}: {name}: a list of `terms` needs a number `scale` and an `origin`, no more"
        )
    total, origins = 0.0, []
    for term in terms:
        times = term.get("times", 1) if isinstance(term, dict) else None
        fields = set(term) - {"times"} if isinstance(term, dict) else set()
        if fields != {"block", "target", "field"} or not isinstance(times, (int, float)):
            raise MachineFileError(
                f"{where}: {name}: a term is {{ block, target, field }}, with a number `times`"
            )
        figure = _measured({key: term[key] for key in fields}, name, where)
        total += times * figure.value
        origins.append(f"{times:g} x {figure.origin}")
    origin = f"{' + '.join(origins)}; times {scale:g}: {entry['origin']}"
    return Figure(total * scale, "calibrated", origin)


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
            f"{where}: {name}: beside block, target and field a measurement may have a number "
            f"`scale`, an `origin` and one of the tags {', '.join(_SCALED_TAGS)}; this one has "
            f"{', '.join(sorted(extra))}"
        )
    return Figure(figure.value * scale, tag, f"{figure.origin}; times {scale:g}: {origin}")
