"""One check for every block: simulate it, and compare its answers with the exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtl.errors import OptionError, OutputError, SimulationError
from rtl.files import check_writable
from rtl.generator.catalogue import AnyBlock
from rtl.simulation.vectors import Entry, load_entries
from rtl.simulation.workloads import Case, Workload, workload_of

MOST_CASES = 1_000_000


def check(
    block: AnyBlock,
    count: int,
    seed: int,
    *,
    vectors: Path | None = None,
    waveform: Path | None = None,
) -> str:
    """Compare given cases, edge cases and `count` random cases bit for bit.

    Returns a line that says how many agree.

    vectors: a JSON file with given cases, as `rtl.simulation.workloads` describes them for each
    block. waveform: a VCD file to write.
    Raises `SimulationError` at the first difference, `OptionError`, `OutputError`, `ToolError`.
    """
    if waveform and not waveform.parent.is_dir():
        raise OutputError(f"waveform {waveform}: the folder {waveform.parent} does not exist")
    if waveform:
        check_writable(waveform)
    if count < 0:
        raise OptionError(f"{count} random cases: the number must be 0 or more")
    if count > MOST_CASES:
        raise OptionError(f"{count} random cases: at most {MOST_CASES:,} are kept in memory")
    if seed < 0:
        raise OptionError(f"seed {seed}: it must be 0 or more")
    entries = load_entries(vectors) if vectors else []
    return _compare(workload_of(block), entries, count, seed, waveform)


def _compare(
    workload: Workload[Case], entries: Sequence[Entry], count: int, seed: int, waveform: Path | None
) -> str:
    cases = [workload.read(entry) for entry in entries] + workload.random(count, seed)
    golden = [workload.golden(case) for case in cases]
    given = [
        entry.residues("output", right.shape, workload.modulus(case))
        if entry.has("output")
        else right
        for entry, case, right in zip(entries, cases, golden, strict=False)
    ]
    results = workload.run(cases, waveform)
    for entry, got, expected in zip(entries, results, given, strict=False):
        if not np.array_equal(got, expected):
            raise SimulationError(f"given vector {entry.number} differs: {_where(got, expected)}")
    for number, (case, got, right) in enumerate(zip(cases, results, golden, strict=True)):
        if not np.array_equal(got, right):
            q = workload.modulus(case)
            raise SimulationError(
                f"case {number} of {workload.things} modulo {q} differs: {_where(got, right)}"
            )
    return f"{len(cases)} {workload.things} agree ({len(entries)} given); {workload.timing}"


def _where(got: np.ndarray, expected: np.ndarray) -> str:
    """The first difference, in words."""
    i = int(np.flatnonzero(got.ravel() != expected.ravel())[0])
    return f"entry {i} is {got.ravel()[i]} simulated, {expected.ravel()[i]} expected"
