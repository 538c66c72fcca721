"""Measures blocks on targets, one after the other, and keeps each result as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtl.characterize import ecp5, liberty, results, xilinx
from rtl.characterize.blocks import Block
from rtl.errors import OptionError
from rtl.tiling import PLAIN, TILE_18X18, TILE_24X17, TILE_26X17, Tile

TARGETS: dict[str, Tile] = {
    "ecp5": TILE_18X18,
    "xc7": TILE_24X17,
    "xcup": TILE_26X17,
    "cells": PLAIN,
}
DEFAULT_SEEDS = (1, 2, 3)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One measurement: a block on a target; for `cells`, with the Liberty files of one library."""

    block: Block
    target: str
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    libraries: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise OptionError(f"target {self.target!r}: choose one of {', '.join(TARGETS)}")
        if self.target == "cells" and not self.libraries:
            raise OptionError("target cells needs a library: name its files with --liberty")

    @property
    def label(self) -> str:
        """How the target is called in results."""
        if self.target == "ecp5":
            return f"ecp5-{ecp5.DEVICE}-speed{ecp5.SPEED}"
        if self.target == "cells":
            texts = [liberty.read_liberty(path) for path in self.libraries]
            return "cells-" + "+".join(liberty.library_name(text) for text in texts)
        return self.target


def measure(job: Job, progress: Progress) -> results.Entry:
    """Run one job; returns its entry with provenance."""
    started = time.monotonic()
    block, facts = job.block.build(TARGETS[job.target])
    if job.target == "ecp5":
        measured = ecp5.measure(block, job.block.name, job.seeds, progress)
    elif job.target == "cells":
        progress(f"{job.block.name}: mapping to {job.label}")
        measured = liberty.measure(block, job.libraries)
    else:
        progress(f"{job.block.name}: synthesis for {job.target}")
        measured = xilinx.count(block, job.target)
    return {
        "block": {"kind": job.block.kind, **job.block.parameters},
        "target": job.label,
        "facts": facts,
        "measured": measured,
        "tools": results.tool_versions(),
        "commit": results.commit(),
        "took_s": round(time.monotonic() - started, 1),
    }


def run(jobs: Sequence[Job], path: Path, progress: Progress, *, again: bool = False) -> int:
    """Measure what the file does not hold yet (or everything, `again`); returns how many."""
    entries = results.load(path)
    known = {results.key(entry) for entry in entries}
    measured = 0
    for job in jobs:
        block = {"kind": job.block.kind, **job.block.parameters}
        if not again and results.key({"block": block, "target": job.label}) in known:
            continue
        entries = results.merged(results.load(path), measure(job, progress))
        results.save(path, entries)
        measured += 1
    return measured
