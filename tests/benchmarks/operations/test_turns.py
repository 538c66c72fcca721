"""Whose turn it is, and what is measured."""

from __future__ import annotations

import time

from benchmarks.operations.turns import interleaved, timed


def test_interleaved__one_call_a_turn_alternates() -> None:
    called: list[str] = []
    times = interleaved([lambda: called.append("a"), lambda: called.append("b")], 0.0)
    assert called == ["a", "b"] * 6  # one warming call each, then five rounds
    assert [len(samples) for samples in times] == [5, 5]
    assert all(sample >= 0 for samples in times for sample in samples)


def test_interleaved__a_turn_repeats_until_its_time_is_up() -> None:
    called: list[str] = []

    def sleeper(name: str) -> None:
        called.append(name)
        time.sleep(0.002)

    turn = 0.01
    (first, second) = interleaved(
        [lambda: sleeper("a"), lambda: sleeper("b")], 0.0, turn
    )
    # A call takes 2 ms or more, so a turn is one to five calls; five turns each, never mixed.
    assert 5 <= len(first) <= 25
    assert 5 <= len(second) <= 25
    assert min(first + second) >= 0.002
    turns = "".join(called[2:]).replace("ab", "a|b").replace("ba", "b|a").split("|")
    assert len(turns) == 10
    assert all(len(set(turn)) == 1 for turn in turns)


def test_timed__has_a_sample_for_every_call() -> None:
    called: list[int] = []
    assert len(timed(lambda: called.append(1), 3)) == len(called) == 3
