"""Jobs measure blocks on targets, one after the other; each result is saved at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amaranth.lib import wiring

from rtl.arithmetic.tiling import PLAIN, TILE_18X18, TILE_24X17, TILE_26X17, Tile
from rtl.characterize import liberty, results, xilinx
from rtl.characterize.blocks import Block
from rtl.characterize.ecp5 import place_and_route as ecp5
from rtl.characterize.stimulus import stimulus_of
from rtl.errors import OptionError

TARGETS: dict[str, Tile] = {
    "ecp5": TILE_18X18,
    "xc7": TILE_24X17,
    "xcup": TILE_26X17,
    "cells": PLAIN,
}
DEFAULT_SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Job:
    """One measurement: a block on a target; on `cells`, with the Liberty files of one library.

    power: on `cells`, also clock, leakage and energy (`rtl.characterize.timing`).
    Raises `OptionError` for an unknown target, or if the target cannot have the block.
    """

    block: Block
    target: str
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    libraries: tuple[Path, ...] = ()
    flow: ecp5.Flow = field(default_factory=ecp5.Flow)
    power: bool = False

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise OptionError(f"target {self.target!r}: choose one of {', '.join(TARGETS)}")
        if self.target == "cells" and not self.libraries:
            raise OptionError("target 'cells' needs a library: name its files with `--liberty`")
        if self.target == "cells" and self.block.kind == "ntt":
            raise OptionError(
                "target 'cells' has no memories, and an NTT unit holds memories: choose modmul or "
                "butterfly"
            )

    @property
    def label(self) -> str:
        """The name of the target in results. Raises `LibertyError`."""
        if self.target == "ecp5":
            return f"ecp5-{ecp5.DEVICE}-speed{ecp5.SPEED}"
        if self.target == "cells":
            texts = [liberty.read_liberty(path) for path in self.libraries]
            return "cells-" + "+".join(liberty.library_name(text) for text in texts)
        return self.target

    @property
    def identity(self) -> results.Entry:
        """The block and the target, as in the job's entry."""
        return {"block": {"kind": self.block.kind, **self.block.parameters}, "target": self.label}

    def is_done(self, entry: results.Entry) -> bool:
        """Whether an entry has all seeds of this job. Only placement and routing has seeds."""
        if self.power and "energy_pj" not in entry["measured"]:
            return False
        return set(self.seeds) <= set(entry["measured"].get("seeds", self.seeds))


def measure(
    job: Job, progress: ecp5.Progress, earlier: results.Entry | None = None
) -> Iterator[results.Entry]:
    """Run one job and yield its entry, on `ecp5` after every seed.

    earlier: an entry of the same job. Its seeds are kept if its commit and tools are the same.
    Raises `ToolError`, `LibertyError`.
    """
    started = time.monotonic()
    _check_needs(job)
    block, facts = job.block.build(TARGETS[job.target])
    provenance = results.provenance()
    before = 0.0
    if earlier is not None and provenance.items() <= earlier.items():
        before = earlier["took_s"]
    else:
        earlier = None
    for measured in _measurements(job, block, progress, earlier):
        yield {
            **job.identity,
            "facts": facts,
            "measured": measured,
            **provenance,
            "took_s": round(before + time.monotonic() - started, 1),
        }


def _check_needs(job: Job) -> None:
    """Raise `ToolError` or `LibertyError` before hardware is made for nothing."""
    if job.target == "ecp5":
        ecp5.find_place_and_route()
    if job.target == "cells":
        liberty.check_cells([liberty.read_liberty(path) for path in job.libraries])


def _measurements(
    job: Job, block: wiring.Component, progress: ecp5.Progress, earlier: results.Entry | None
) -> Iterator[dict[str, object]]:
    name = job.block.name
    if job.target == "ecp5":
        known = earlier and earlier["measured"]
        yield from ecp5.measure(block, name, job.seeds, progress, known, job.flow)
    elif job.target == "cells":
        progress(f"{name}: mapping to {job.label}")
        stimulus = (
            stimulus_of(job.block.measured(TARGETS["cells"]), block) if job.power else None
        )
        yield liberty.measure(block, job.libraries, stimulus)
    else:
        progress(f"{name}: synthesis for {job.target}")
        yield xilinx.count(block, job.target)


def run_jobs(
    jobs: Sequence[Job], path: Path, progress: ecp5.Progress, *, again: bool = False
) -> int:
    """Run the jobs that the results file does not have yet, or all of them if `again`.

    Returns how many jobs ran.
    """
    measured = 0
    for job in jobs:
        known = {results.key(entry): entry for entry in results.load(path)}
        earlier = None if again else known.get(results.key(job.identity))
        if earlier is not None and job.is_done(earlier):
            continue
        for entry in measure(job, progress, earlier):
            results.add(path, entry)
        measured += 1
    return measured
