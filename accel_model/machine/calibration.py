"""What rtl/ measured, read from its results files with their provenance."""

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
    """All entries of the folder's results files. Raises `CalibrationError` for a garbled one."""
    found: list[Entry] = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version, rows = content["format"], content["entries"]
            complete = all({"block", "target", "measured", "commit"} <= set(row) for row in rows)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise CalibrationError(f"{path} is no results file: {error!r}") from error
        if version != FORMAT or not complete:
            raise CalibrationError(
                f"{path}: format {version}, or entries without block, target, measured and commit; "
                f"needed is format {FORMAT}: measure again with rtl"
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
            f"nothing is measured for {wanted} on {target}: measure it with rtl, or change the "
            "machine file to a block that is"
        )
    if len(found) > 1:
        names = [json.dumps(row["block"]) for row in found]
        raise CalibrationError(
            f"{len(found)} measurements fit {wanted} on {target}: {'; '.join(names)}; say more"
        )
    return found[0]


def figure(entry: Entry, field: str) -> Figure:
    """`field` ("clock_median_hz") of an entry, with its provenance: a measurement, a fact that the
    hardware states of itself, or a parameter of the measured block."""
    for part in ("measured", "facts", "block"):
        if field in entry.get(part, {}):
            value = entry[part][field]
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return Figure(float(value), "measured", provenance(entry, field))
    raise CalibrationError(f"the measurement of {entry['block']} has no number {field!r}")


def provenance(entry: Entry, field: str) -> str:
    """File, block, target and commit of a measured field."""
    block = "-".join(str(value) for value in entry["block"].values())
    return f"{entry['file']}: {field} of {block} on {entry['target']}, commit {entry['commit']}"
