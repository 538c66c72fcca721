"""The CKKS suite: its rows, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.operations.ckks import SUITE
from benchmarks.operations.suite import WrongResult, run
from benchmarks.peers.ckks import he_accel
from benchmarks.peers.ckks.task import OPERATIONS
from benchmarks.peers.library import Case

CASE = Case(1 << 13, 2)


def test_run__rows_of_every_operation_without_peers() -> None:
    lines: list[str] = []
    rows = run(SUITE, [CASE], peers=False, seconds=0.0, turn=0.0, report=lines.append)
    assert [row.operation for row in rows] == list(OPERATIONS)
    assert len(lines) == len(rows)
    assert all(row.library == "he-accel" and row.threads == 1 for row in rows)
    assert all(row.repeats == 5 and row.median_s > 0 for row in rows)
    assert rows[0].parameters["security_bits"] == 128


def test_run__a_wrong_result_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = he_accel.set_up(CASE)
    wrong = dataclasses.replace(right, reveal=lambda result: np.roll(right.reveal(result), 1))
    monkeypatch.setattr(he_accel, "set_up", lambda case: wrong)
    with pytest.raises(WrongResult, match="rotate at N = 8192"):
        run(SUITE, [CASE], peers=False, operations=["rotate"], seconds=0.0)
