"""A software time from a file: a measurement that was made, and committed, earlier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.software import WorkloadFailure
from he.format.files import read_text

_LARGEST = 1 << 24


@dataclass(frozen=True)
class CommittedSoftware:
    """The median seconds of an image or operation, from where, and on which machine."""

    median_s: float
    workload: str
    file: str
    cpu: str
    commit: str
    load_average: float | None

    def words(self) -> str:
        """One line for the comparison."""
        load = "" if self.load_average is None else f", load {self.load_average:.2f}"
        return f"from {self.file}: {self.cpu}, commit {self.commit[:12]}{load}"


def committed_software(path: Path, workload: str) -> CommittedSoftware:
    """The time in a result of `benchmarks compare --json` or `nn bench --json`.

    Raises `WorkloadFailure` for another file, another workload, and a result that was disturbed.
    """
    try:
        content = json.loads(read_text(path, _LARGEST))
    except (OSError, ValueError, RecursionError) as error:
        raise WorkloadFailure(f"--software {path}: not a result file: {error}") from error
    if not isinstance(content, dict):
        raise WorkloadFailure(f"--software {path}: not a result file: it holds no object")
    measured = content.get("software", {})
    name = content.get("workload") or content.get("network")
    if "server_seconds_median" in content:
        median, disturbed = content["server_seconds_median"] / content.get("batch", 1), ()
    elif isinstance(measured, dict) and "median_s" in measured:
        median = measured["median_s"] / measured.get("images", 1)
        disturbed = measured.get("disturbed", ())
    else:
        raise WorkloadFailure(
            f"--software {path}: no time of a software run: give a file of `benchmarks compare "
            "--json` or `nn bench --json`"
        )
    if name != workload:
        raise WorkloadFailure(f"--software {path}: it measured {name!r}, not {workload!r}")
    if disturbed:
        raise WorkloadFailure(f"--software {path}: it was disturbed: {'; '.join(disturbed)}")
    machine: dict[str, Any] = content.get("machine", {})
    return CommittedSoftware(
        float(median), workload, path.name, str(machine.get("cpu")), str(content.get("commit")),
        machine.get("load_average"),
    )  # fmt: skip
