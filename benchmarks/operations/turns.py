"""Timing several calls in turns, so that all of them meet the same state of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

TURN_SECONDS = 0.05
"""The default turn: most calls of a turn find the caches as the same call left them."""

_ROUNDS = 5


def interleaved(
    calls: Sequence[Callable[[], object]], seconds: float, turn: float = 0.0
) -> list[list[float]]:
    """The seconds of each call; the calls take turns until `seconds` are over, at least 5 rounds.

    turn: how long a call is repeated before the next call's turn; at least once. The first
    repetition in a turn finds the caches as the other calls left them, the later ones as the same
    call left them. With a turn of 0 every repetition is a first one.
    """
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < _ROUNDS or time.perf_counter() < end:
        for call, samples in zip(calls, times, strict=True):
            samples += _turn(call, turn)
        rounds += 1
    return times


def timed(call: Callable[[], object], repeats: int) -> list[float]:
    """The seconds of each of so many calls."""
    return [_turn(call, 0.0)[0] for _ in range(repeats)]


def _turn(call: Callable[[], object], seconds: float) -> list[float]:
    """The seconds of each call, repeated until `seconds` are over, at least once."""
    samples: list[float] = []
    now = time.perf_counter()
    end = now + seconds
    while not samples or now < end:
        begin = now
        call()
        now = time.perf_counter()
        samples.append(now - begin)
    return samples
