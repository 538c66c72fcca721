"""benchmarks.operations.primitives: whose turn it is, what is measured, what is refused."""

from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.operations import primitives
from benchmarks.peers import OPERATIONS, Case


def test_interleaved__one_call_a_turn_alternates() -> None:
    called: list[str] = []
    times = primitives.interleaved([lambda: called.append("a"), lambda: called.append("b")], 0.0)
    assert called == ["a", "b"] * 6  # one warming call each, then five rounds
    assert [len(samples) for samples in times] == [5, 5]
    assert all(sample >= 0 for samples in times for sample in samples)


def test_interleaved__a_turn_repeats_until_its_time_is_up() -> None:
    called: list[str] = []

    def sleeper(name: str) -> None:
        called.append(name)
        time.sleep(0.002)

    turn = 0.01
    (first, second) = primitives.interleaved(
        [lambda: sleeper("a"), lambda: sleeper("b")], 0.0, turn
    )
    # A call takes 2 ms or more, so a turn is one to five calls; five turns each, never mixed.
    assert 5 <= len(first) <= 25
    assert 5 <= len(second) <= 25
    assert min(first + second) >= 0.002
    turns = "".join(called[2:]).replace("ab", "a|b").replace("ba", "b|a").split("|")
    assert len(turns) == 10
    assert all(len(set(turn)) == 1 for turn in turns)


def test_run__rows_of_every_operation_without_peers() -> None:
    case = Case(1 << 13, 2)
    lines: list[str] = []
    rows = primitives.run([case], False, seconds=0.0, turn=0.0, report=lines.append)
    assert [row.operation for row in rows] == list(OPERATIONS)
    assert len(lines) == len(rows)
    assert all(row.library == "he-accel" and row.threads == 1 for row in rows)
    assert all(row.repeats == 5 and row.median_s > 0 for row in rows)
    assert rows[0].parameters["security_bits"] == 128


def test_run__a_wrong_result_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.peers.he_accel import HEAccel

    reveal = HEAccel.reveal
    monkeypatch.setattr(HEAccel, "reveal", lambda self, result: np.roll(reveal(self, result), 1))
    with pytest.raises(primitives.WrongResult, match="rotate at N = 8192"):
        primitives.run([Case(1 << 13, 2)], False, operations=["rotate"], seconds=0.0)
