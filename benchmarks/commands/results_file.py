"""Results as JSON: rows, and their provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from he.format.files import replaced_file
from nn.terminal.machine import machine_description, peak_rss_bytes, source_commit


def write_rows(rows: Sequence[Any], command: str, path: Path) -> None:
    """Write rows, which are dataclasses, with their provenance to `path`."""
    write_result({**provenance(command), "rows": [asdict(row) for row in rows]}, path)


def provenance(command: str) -> dict[str, Any]:
    """Command, commit, date, machine and versions of a result.

    `peak_rss_bytes` is the peak memory of the whole process so far.
    """
    return {
        "command": command,
        "commit": source_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_description(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def write_result(result: dict[str, Any], path: Path) -> None:
    """Write `result` as JSON to `path`; makes the folder where there is none."""
    with replaced_file(path, make_folders=True) as file:
        file.write(json.dumps(result, indent=1) + "\n")
