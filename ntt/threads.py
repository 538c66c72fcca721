"""How many threads the kernels use, and the one place that splits work among them.

Kernels release the interpreter's lock, so plain Python threads run them side by side; calls from
several Python threads at once are safe. The count comes from, in this order: the `threads`
argument of a call, `limit`, `set_threads`, the environment variable ``HE_ACCEL_THREADS`` (read when
first needed, and again after ``set_threads(None)``), the machine.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ntt.errors import ThreadCountError

ENVIRONMENT_VARIABLE = "HE_ACCEL_THREADS"

_state = threading.local()
_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
_chosen: int | None = None


def machine_threads() -> int:
    """How many threads this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(count: object, source: str) -> int:
    """`count` as an int; raises `ThreadCountError` unless it is from 1 to `machine_threads()`."""
    limit = machine_threads()
    try:
        number = int(str(count))
    except ValueError:
        number = 0
    if not 1 <= number <= limit:
        raise ThreadCountError(
            f"{source} is {count!r}: it must be a whole number from 1 to {limit}, the threads that "
            f"this process may run"
        )
    return number


def get_threads() -> int:
    """The thread count in force for calls that name none."""
    limited: int | None = getattr(_state, "limit", None)
    if limited is not None:
        return limited
    if _chosen is not None:
        return _chosen
    return _default_threads()


@functools.cache
def _default_threads() -> int:
    value = os.environ.get(ENVIRONMENT_VARIABLE)
    if value:
        return check_threads(value, f"environment variable {ENVIRONMENT_VARIABLE}")
    return machine_threads()


def free_threads() -> int:
    """How many threads a `split` would use here: one inside another split."""
    return 1 if getattr(_state, "inside", False) else get_threads()


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on; None returns to the environment's or machine's count."""
    global _chosen
    _default_threads.cache_clear()
    _chosen = None if count is None else check_threads(count, "thread count")


@contextlib.contextmanager
def limit(count: int | None) -> Iterator[None]:
    """Within the block, calls of this Python thread use `count` threads; None changes nothing."""
    if count is None:
        yield
        return
    previous = getattr(_state, "limit", None)
    _state.limit = check_threads(count, "threads")
    try:
        yield
    finally:
        _state.limit = previous


def split(items: int, work: Callable[[int, int], object], threads: int | None = None) -> None:
    """Call ``work(lo, hi)`` on contiguous parts that cover range(items), in parallel.

    Runs in the calling thread alone when one thread is in force, or when the caller is itself part
    of a split (the outer one already uses the machine). An error in any part is raised.
    """
    count = get_threads() if threads is None else check_threads(threads, "threads")
    count = min(count, items)
    if count <= 1 or getattr(_state, "inside", False):
        if items:
            work(0, items)
        return
    bounds = [items * k // count for k in range(count + 1)]
    pool = _pool(count - 1)
    futures = [pool.submit(_run_inside, work, lo, hi) for lo, hi in itertools.pairwise(bounds[1:])]
    try:
        _run_inside(work, bounds[0], bounds[1])
    finally:
        for future in futures:
            future.exception()
    for future in futures:
        future.result()


def _run_inside(work: Callable[[int, int], object], lo: int, hi: int) -> None:
    previous = getattr(_state, "inside", False)
    _state.inside = True
    try:
        work(lo, hi)
    finally:
        _state.inside = previous


def _pool(workers: int) -> ThreadPoolExecutor:
    with _lock:
        if workers not in _pools:
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="he-accel")
        return _pools[workers]
