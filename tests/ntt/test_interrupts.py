"""Interrupted and forked computations: nothing is left running, nothing hangs, nothing is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ntt
from ntt import sharing, threads
from ntt.bound_kernels import MIN_TRANSFORMED_WORDS_PER_THREAD
from ntt.limbs import LimbOps
from ntt.workspace import workspace

ROOT = Path(__file__).resolve().parents[2]
N = 1 << 14  # four limbs are shared between two threads


class Stop(Exception):
    """What the signal handlers of these tests raise."""


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(threads, "machine_threads", lambda: 2)
    ntt.set_threads(2)
    yield
    ntt.set_threads(None)


class Storm:
    """Three signals, 50 microseconds apart, whose handler raises: the later ones break clean-up."""

    def __init__(self) -> None:
        self.left = 0

    def handle(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            raise Stop

    def strike(self, work: Callable[[], object], delay_s: float) -> None:
        """Repeat `work` until the first signal; take the others wherever they come."""
        with contextlib.suppress(Stop):
            with contextlib.suppress(Stop):
                with contextlib.suppress(Stop):
                    self.left = 3
                    signal.setitimer(signal.ITIMER_REAL, delay_s, 0.00005)
                    while True:
                        work()
                self._until_gone()
            self._until_gone()
        self._until_gone()
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _until_gone(self) -> None:
        while self.left:
            pass


@pytest.fixture
def storm() -> Iterator[Storm]:
    storm = Storm()
    previous = signal.signal(signal.SIGALRM, storm.handle)
    yield storm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def test_split__an_interrupt_leaves_only_after_all_workers_ended(storm: Storm) -> None:
    ended: list[int] = []

    def work(lo: int, hi: int) -> None:
        time.sleep(0.3)
        ended.append(lo)

    storm.left = 1
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(Stop):
        threads.split(2, work)
    assert sorted(ended) == [0, 1]


def test_split__a_storm_of_signals_leaves_no_worker_behind(storm: Storm) -> None:
    """The second signal breaks the waiting; the next use of scratch memory completes the wait."""
    numbers = itertools.count()
    running: set[int] = set()

    def work(lo: int, hi: int) -> None:
        number = next(numbers)
        running.add(number)
        time.sleep(0.002)
        running.discard(number)

    left_behind = 0
    for round_ in range(200):
        storm.strike(lambda: threads.split(2, work), 0.001 + round_ * 0.00001)
        left_behind += bool(running)
        workspace("any", (1,))
        assert not running
    assert left_behind, "no signal broke the waiting: the test shows nothing"


@pytest.mark.parametrize("count", [1, 2])
def test_kernels__after_a_storm_of_signals_answers_are_right(storm: Storm, count: int) -> None:
    tables = ntt.NTTTables(N, ntt.find_primes(45, N, 8))
    ops = LimbOps(tables, np.arange(8))
    values = np.random.default_rng(0).integers(
        0, np.array(tables.moduli, dtype=np.uint64)[:, None], (8, N), dtype=np.uint64
    )
    expected = ops.forward(values.copy())

    def transform() -> np.ndarray:
        scratch = workspace("values", (8, N))
        np.copyto(scratch, values)
        return ops.forward(scratch)

    with threads.limit(count):
        for round_ in range(200):
            storm.strike(transform, 0.0003 + round_ * 0.00001)
            assert (transform() == expected).all()


def test_split__a_handler_that_computes_is_noticed() -> None:
    def handler(*_: object) -> None:
        threads.split(2, lambda lo, hi: None)

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        # More parts than workers, so that some have not begun when the handler runs.
        job = threads._Job(lambda lo, hi: time.sleep(0.2), [(i, i + 1) for i in range(4)])
        threads._state.job = job
        threads._workers.start(job, 2)
        job.wait()
    finally:
        signal.signal(signal.SIGALRM, previous)
        threads._state.job = None
    with pytest.raises(ntt.SplitInterruptedError, match="signal handler computed"):
        job.raise_error()


def compute(answers: multiprocessing.SimpleQueue[bytes]) -> None:
    """What a child does: use the threads, and say what it got."""
    threads.machine_threads = lambda: 2
    ntt.set_threads(2)
    assert 4 * N >= 2 * MIN_TRANSFORMED_WORDS_PER_THREAD, "one thread: the test shows nothing"
    tables = ntt.NTTTables(N, ntt.find_primes(45, N, 4))
    ops = LimbOps(tables, np.arange(4))
    transformed = ops.forward(np.ones((4, N), dtype=np.uint64))
    parts: list[int] = []
    sharing.share_work(4, parts.append)
    assert sorted(parts) == [0, 1, 2, 3]
    answers.put(hashlib.sha256(transformed).digest())


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_children__compute_after_the_parent_has_used_its_threads(method: str) -> None:
    program = f"""
import multiprocessing
from tests.ntt.test_interrupts import compute
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    answers = context.SimpleQueue()
    compute(answers)
    child = context.Process(target=compute, args=(answers,))
    child.start()
    child.join(60)
    alive = child.is_alive()
    child.kill()
    assert not alive and child.exitcode == 0, "the child hangs or failed"
    assert answers.get() == answers.get()
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
