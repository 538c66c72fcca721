"""Peak memory of an operation, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import ntt
from benchmarks.operations import memory, transforms

WORDS = 1 << 22  # 32 MiB


def workload(failing: bool) -> Iterator[memory.Operations]:
    yield {}
    held = np.ones(WORDS)
    if failing:
        raise ntt.RingDegreeError("no such workload")
    yield {"held": lambda: held[0], "twice": lambda: (held + 1)[0]}


def test_peak_bytes__counts_what_is_held_and_what_an_operation_makes() -> None:
    peaks = memory.peak_bytes(workload, False)
    # Pages of the process itself come and go: a quarter of the array is far above that.
    assert peaks["held"] == pytest.approx(8 * WORDS, abs=2 * WORDS)
    assert peaks["twice"] == pytest.approx(16 * WORDS, abs=2 * WORDS)


def test_peak_bytes__an_error_of_the_workload_is_raised_here() -> None:
    with pytest.raises(ntt.RingDegreeError, match="no such workload"):
        memory.peak_bytes(workload, True)


def test_peak_bytes__of_a_transform_is_at_least_its_tables() -> None:
    N = 1 << 14
    peaks = memory.peak_bytes(transforms.workload, "scalar", N, 1)
    assert min(peaks["forward"], peaks["inverse"]) >= 8 * 5 * N  # four blocks of twiddles, residues


def test_peak_bytes__elsewhere_than_on_linux_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_CLEAR", memory.Path("/nowhere/clear_refs"))
    assert memory.peak_bytes(workload, False) == {}
    assert memory.in_words(None) == "-"
    assert memory.in_words(1_500_000) == "1.5 MB"
