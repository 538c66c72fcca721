"""Independent pieces of work side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ntt import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``[work(item) for item in items]`` over the threads in force; any error is raised."""
    results: dict[int, Result] = {}

    def run(lo: int, hi: int) -> None:
        for i in range(lo, hi):
            results[i] = work(items[i])

    threads.split(len(items), run)
    return [results[i] for i in range(len(items))]
