"""Runs kernels on ranges of items, on the threads in force.

A kernel called through its kept machine code is shared without the interpreter (`ntt.helpers`).
Another one, which Numba calls, runs in the Python threads of `ntt.threads.split`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

import numpy as np

from ntt import helpers, threads

Kernel = Callable[..., None]

PARTS = 4
"""How many parts a thread gets where the number is free: who is late gets fewer."""


def share(kernel: Kernel, arguments: tuple[Any, ...], items: int, parts: int = 0) -> None:
    """``kernel(*arguments, lo, hi)`` on contiguous parts that cover range(items), in parallel.

    parts: how many there are for threads that share a call, by default `PARTS` for each.
    """
    count = threads.free_threads()
    if count == 1:
        kernel(*arguments, 0, items)
        return
    board = _board(kernel, count)
    if board is None:
        threads.split(items, lambda lo, hi: kernel(*arguments, lo, hi))
        return
    threads.settle()
    parts = min(parts or PARTS * count, items)
    kernel(*arguments, 0, items, board, count - 1, parts, 0)


def share_with_memory(
    kernel: Kernel,
    arguments: Callable[[np.ndarray], tuple[Any, ...]],
    memory: np.ndarray,
    lo: int,
    hi: int,
    parts: int = 0,
) -> None:
    """``kernel(*arguments(m), lo, hi)`` in parallel, where m is scratch memory of each thread.

    memory (threads, ..), contiguous: m is one row of it, and as many threads work at most. The
    kernel must have no other argument that is called ``memory`` or ``scratch``.
    """
    count = min(threads.free_threads(), len(memory))
    if count == 1:
        kernel(*arguments(memory[0]), lo, hi)
        return
    board = _board(kernel, count)
    if board is not None:
        threads.settle()
        parts = min(parts or PARTS * count, hi - lo)
        step = memory.strides[0]
        kernel(*arguments(memory[0]), lo, hi, board, count - 1, parts, step)
        return
    lanes = itertools.count()

    def work(first: int, last: int) -> None:
        kernel(*arguments(memory[next(lanes)]), lo + first, lo + last)

    threads.split(hi - lo, work, count)


def share_work(parts: int, work: Callable[[int], object]) -> None:
    """``work(part)`` for each part of range(parts), in parallel: Python, between kernels.

    The threads that share kernels run it, so that a part finds in its caches what its thread
    computed before. Errors are as those of `ntt.threads.split`; what a signal handler raises
    between two parts is lost, and a `SplitInterruptedError` comes instead.
    """
    count = min(threads.free_threads(), parts)
    if count <= 1:
        for part in range(parts):
            work(part)
        return

    def run(part: int) -> None:
        with threads.inside():
            work(part)

    threads.settle()
    try:
        if not helpers.share(run, parts, count - 1):
            threads.split(parts, lambda lo, hi: [work(part) for part in range(lo, hi)])
    finally:
        threads.outside()


def _board(kernel: Kernel, count: int) -> int | None:
    """The address of the board for a call of so many threads; None if it cannot be shared."""
    return helpers.board(count - 1) if type(kernel) is BuiltinFunctionType else None
