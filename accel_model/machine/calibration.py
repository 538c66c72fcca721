"""The measurements of `rtl`, read from its results files, with their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from accel_model.errors import CalibrationError
from accel_model.machine.figures import Figure

RESULTS = Path(__file__).resolve().parents[2] / "rtl" / "results"
FORMAT = 1

Entry = dict[str, Any]


@lru_cache
def entries(folder: Path = RESULTS) -> tuple[Entry, ...]:
    """All entries of a folder's results files; raises `CalibrationError` for a garbled file."""
    found: list[Entry] = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version, rows = content["format"], content["entries"]
            complete = all({"block", "target", "measured", "commit"} <= set(row) for row in rows)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise CalibrationError(f"{path} is not a results file: {error!r}") from error
        if version != FORMAT or not complete:
            raise CalibrationError(
                f"{path}: format {version}, or entries without block, target, measured and commit: "
                f"format {FORMAT} is needed: measure again with `python -m rtl characterize`"
            )
        found += [{**row, "file": path.name} for row in rows]
    return tuple(found)


def find(block: Mapping[str, Any], target: str, among: Sequence[Entry] | None = None) -> Entry:
    """The one entry whose target begins with `target` and whose block agrees with `block`.

    Raises `CalibrationError` when there is none, or several.
    """
    rows = entries() if among is None else among
    found = [
        row
        for row in rows
        if row["target"].startswith(target)
        and all(row["block"].get(name) == value for name, value in block.items())
    ]
    wanted = ", ".join(f"{name} = {value}" for name, value in block.items())
    if not found:
        raise CalibrationError(
            f"there is no measurement of {wanted} on {target}: measure the block with "
            "`python -m rtl characterize`, or name a measured block in the machine file"
        )
    if len(found) > 1:
        names = [json.dumps(row["block"]) for row in found]
        raise CalibrationError(
            f"{len(found)} measurements fit {wanted} on {target}: {'; '.join(names)}: name more "
            "fields of the block"
        )
    return found[0]


def figure(entry: Entry, field: str) -> Figure:
    """A field of an entry, for example "clock_median_hz", with its provenance.

    The field is a measurement, a fact that the block states of itself, or a parameter of the block.
    Raises `CalibrationError` where the entry has no number of that name.
    """
    for part in ("measured", "facts", "block"):
        if field in entry.get(part, {}):
            value = entry[part][field]
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return Figure(float(value), "measured", provenance(entry, field))
    raise CalibrationError(f"the measurement of {entry['block']} has no number {field!r}")


def provenance(entry: Entry, field: str) -> str:
    """The file, block, target and commit of a measured field, in words; its seeds, where it has
    some, and why it is stale, where it is."""
    block = "-".join(str(value) for value in entry["block"].values())
    words = f"{entry['file']}: {field} of {block} on {entry['target']}, commit {entry['commit']}"
    if seeds := entry["measured"].get("seeds"):
        words += f", {len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
    if "measured_on" in entry:
        words += f", measured on {entry['measured_on']}"
    if "stale" in entry:
        words += f"; stale: {entry['stale']}"
    return words
