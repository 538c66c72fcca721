"""Caches let go of what exceeds their bound, and end with their owner."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntt.caching import Made, cached_within, nbytes


@given(st.lists(st.integers(1, 12), max_size=60))
def test_cached_within__holds_the_last_used_that_fit(calls: list[int]) -> None:
    """Against the obvious twin: a list, the last used one at its end."""
    made: list[int] = []

    @cached_within(160)
    def zeros(words: int) -> np.ndarray:
        made.append(words)
        return np.zeros(words)

    kept: list[int] = []
    for words in calls:
        before = len(made)
        assert len(zeros(words)) == words
        assert (len(made) == before) == (words in kept)
        kept = [k for k in kept if k != words] + [words]
        while 8 * sum(kept) > 160:
            kept.pop(0)
        assert zeros.cache_bytes() == 8 * sum(kept) <= 160  # type: ignore[attr-defined]


def test_cached_within__does_not_keep_what_is_too_large_or_failed() -> None:
    calls: list[int] = []

    @cached_within(80)
    def zeros(words: int) -> np.ndarray:
        calls.append(words)
        if words < 0:
            raise ValueError(words)
        return np.zeros(words)

    for words in (5, 11, 11, 5):
        zeros(words)
    assert calls == [5, 11, 11]
    for _ in range(2):
        with pytest.raises(ValueError):
            zeros(-1)
    zeros.cache_clear()  # type: ignore[attr-defined]
    assert zeros.cache_bytes() == 0  # type: ignore[attr-defined]
    zeros(words=5)
    zeros(words=5)
    assert calls == [5, 11, 11, -1, -1, 5]


def test_nbytes__of_tuples() -> None:
    assert nbytes((np.zeros(3), (np.zeros(2, np.int8),))) == 26


def test_made__makes_once_and_gives_all_threads_the_same() -> None:
    made = Made()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(made.get("key", object))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert made.get("other", object) is not found[0]
