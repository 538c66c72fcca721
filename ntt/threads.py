"""How many threads the kernels use, and the Python threads that work is split among.

`ntt.sharing` shares single calls of kernels. Kernels release the interpreter's lock, so Python
threads run them side by side. Calls from several Python threads at once are safe. The first of
these that is given sets the number of threads: the `threads` argument of a call; `limit`;
`set_threads`; the environment variable ``HE_ACCEL_THREADS``, read when it is first needed and again
after ``set_threads(None)``; the machine.

An interrupted call leaves no work behind. All parts of a split run in worker threads, and only the
caller receives signals. The caller waits for its workers whatever a signal handler raises. Where a
second signal breaks even that wait, `settle` completes the wait before the same caller touches
scratch memory again. A forked child starts with workers of its own.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator

from ntt.errors import SplitInterruptedError, ThreadCountError

ENVIRONMENT_VARIABLE = "HE_ACCEL_THREADS"


class _ThreadState(threading.local):
    """What each thread knows: its `limit`, whether it is part of a `split`, and the split it began.

    Class attributes are the values of a thread that has set none, for the price of a look-up.
    """

    limit: int | None = None
    inside = False
    job: _Job | None = None


_state = _ThreadState()
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
    """How many threads a call uses that names no number itself."""
    if _state.limit is not None:
        return _state.limit
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
    """How many threads a `split` would use at this place; inside another split, 1."""
    return 1 if _state.inside else get_threads()


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Within the block, this Python thread is part of a split: others use the machine already."""
    previous = _state.inside
    _state.inside = True
    try:
        yield
    finally:
        _state.inside = previous


def outside() -> None:
    """This Python thread is part of no split: for who began one, behind its end.

    What a signal handler raises may pass between the lines of `inside`.
    """
    _state.inside = False


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on; None returns to the number of the environment or machine.

    Raises `ThreadCountError` unless `count` is from 1 to `machine_threads()`.
    """
    global _chosen
    _default_threads.cache_clear()
    _chosen = None if count is None else check_threads(count, "thread count")


@contextlib.contextmanager
def limit(count: int | None) -> Iterator[None]:
    """Within the block, calls of this Python thread use `count` threads; None changes nothing.

    Raises `ThreadCountError` unless `count` is from 1 to `machine_threads()`.
    """
    if count is None:
        yield
        return
    previous = _state.limit
    _state.limit = check_threads(count, "threads")
    try:
        yield
    finally:
        _state.limit = previous


def split(items: int, work: Callable[[int, int], object], threads: int | None = None) -> None:
    """Call ``work(lo, hi)`` on contiguous parts that cover range(items), in parallel.

    Runs in the calling thread alone when one thread is in force, or when the caller is itself part
    of a split (the outer one already uses the machine). An error in any part is raised after all
    parts have ended. An exception out of a signal handler is raised as soon as the parts that run
    have ended; parts that have not begun are dropped.
    """
    settle()
    count = get_threads() if threads is None else check_threads(threads, "threads")
    count = min(count, items)
    if count <= 1 or _state.inside:
        if items:
            work(0, items)
        return
    bounds = [items * k // count for k in range(count + 1)]
    job = _state.job = _Job(work, list(itertools.pairwise(bounds)))
    try:
        _workers.start(job, count)
        job.wait()
    except BaseException:
        settle()
        raise
    _state.job = None
    job.raise_error()


def settle() -> None:
    """Wait until no interrupted `split` of this thread has a worker that still writes."""
    job = _state.job
    if job is not None:
        job.drop()
        job.wait()
        _state.job = None


class _Job:
    """The parts of one split. An interrupt of the caller leaves none of its locks taken."""

    def __init__(self, work: Callable[[int, int], object], parts: list[tuple[int, int]]) -> None:
        self._work = work
        self._parts = parts
        self._running = 0
        self._errors: dict[int, BaseException] = {}
        self._dropped = False
        self._lock = threading.Lock()
        self._ended = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def run_part(self) -> None:
        """Run one part, if one is left. Called by workers, which receive no signals."""
        with self._lock:
            if not self._parts:
                return
            lo, hi = self._parts.pop()
            self._running += 1
        try:
            self._work(lo, hi)
        except BaseException as error:
            self._errors[lo] = error
        with self._lock:
            self._running -= 1
            self._end_if_idle()

    def drop(self) -> None:
        """Let no further part begin."""
        with self._lock:
            self._dropped |= bool(self._parts)
            self._parts.clear()
            self._end_if_idle()

    def wait(self) -> None:
        """Until every part has ended. May be called again after an interrupt."""
        while not self._ended:
            # A handler that runs inside `acquire` may take the gate: then `_ended` says so.
            self._gate.acquire(timeout=0.1)

    def raise_error(self) -> None:
        """Raise the error of the first part that failed, or `SplitInterruptedError`."""
        if self._errors:
            raise self._errors[min(self._errors)]
        if self._dropped:
            raise SplitInterruptedError(
                "a signal handler computed while this call waited for its threads, so its result "
                "is not complete: let signal handlers set a flag or raise, not compute"
            )

    def _end_if_idle(self) -> None:
        if not self._running and not self._parts and not self._ended:
            self._ended = True
            self._gate.release()


class _Workers:
    """Threads that run parts of jobs, started when first needed."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._count = 0
        self._lock = threading.Lock()

    def start(self, job: _Job, count: int) -> None:
        """Have `count` workers take a part of the job each."""
        with self._lock:
            while self._count < count:
                name = f"he-accel-{self._count}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
                self._count += 1
        for _ in range(count):
            self._jobs.put(job)

    def _serve(self) -> None:
        _state.inside = True
        while True:
            self._jobs.get().run_part()


_workers = _Workers()


def _renew_after_fork() -> None:
    """In a forked child: the parent's workers and their locks do not exist here."""
    global _workers
    _workers = _Workers()
    _state.inside = False
    _state.job = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
