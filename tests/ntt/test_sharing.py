"""Kernels shared among threads give the bits of one thread; errors and interrupts come through."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import ntt
from ntt import helpers, sharing, threads
from ntt.backends.contract import Backend
from ntt.limbs import LimbOps
from tests.ntt.operations import Recorder, calls

N = 256
Run = Callable[[None, int, int, int, int], None]


@pytest.fixture(autouse=True, params=[2, 4])
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that may run so many threads, whatever this one has."""
    monkeypatch.setattr(threads, "machine_threads", lambda: 4)
    ntt.set_threads(request.param)
    yield
    ntt.set_threads(None)


class RecorderOfThreads(Recorder):
    """Gives each thread scratch memory of its own."""

    def write(self, *shape: int) -> np.ndarray:
        # The scratch memory of hoisted operations, (1, words), becomes that of all threads.
        if len(shape) == 2 and shape[0] == 1 and shape[1] > 4 * N:
            return np.empty((threads.get_threads(), shape[1]), dtype=np.uint64)
        return super().write(*shape)


def test_operations__shared_by_threads_give_the_same_bits(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntt.bound_kernels._MIN_WORDS_PER_THREAD", 1)
    monkeypatch.setattr("ntt.bound_kernels.MIN_TRANSFORMED_WORDS_PER_THREAD", 1)
    monkeypatch.setattr("ntt.limbs.MIN_TRANSFORMED_WORDS_PER_THREAD", 1)
    tables = ntt.NTTTables(N, ntt.find_primes(30, N, 5))
    found = []
    for count in (1, threads.get_threads()):
        memory = RecorderOfThreads()
        with threads.limit(count):
            operations = calls(LimbOps(tables, tables.all_rows, backend), memory.read, memory.write)
            for operation in operations.values():
                operation()
        found.append(memory.written)
    for alone, shared in zip(*found, strict=True):
        assert np.array_equal(alone, shared)


def test_kernels__shared_from_several_python_threads_at_once() -> None:
    """One of them has the helpers, the others work alone."""
    tables = ntt.NTTTables(1 << 13, ntt.find_primes(45, 1 << 13, 8))
    ops = LimbOps(tables, np.arange(8))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    inputs = np.random.default_rng(0).integers(0, top, (3, 8, 1 << 13), dtype=np.uint64)
    with threads.limit(1):
        expected = [ops.forward(x.copy()) for x in inputs]
    wrong: list[int] = []

    def repeat(k: int) -> None:
        for _ in range(50):
            x = ops.forward(inputs[k].copy())
            if not (x == expected[k]).all() or not (ops.inverse(x) == inputs[k]).all():
                wrong.append(k)

    callers = [threading.Thread(target=repeat, args=(k,)) for k in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_kernels__shared_again_after_helpers_fell_asleep() -> None:
    tables = ntt.NTTTables(1 << 13, ntt.find_primes(45, 1 << 13, 8))
    ops = LimbOps(tables, np.arange(8))
    x = np.random.default_rng(0).integers(0, 1 << 44, (8, 1 << 13), dtype=np.uint64)
    with threads.limit(1):
        expected = ops.forward(x.copy())
    for pause_s in (0.0, 0.0001, 0.002, 0.02):
        for _ in range(20):
            time.sleep(pause_s)
            assert (ops.forward(x.copy()) == expected).all()


def test_share_work__runs_every_part_once_and_not_inside_another() -> None:
    parts: list[int] = []
    free: list[int] = []

    def work(part: int) -> None:
        parts.append(part)
        free.append(threads.free_threads())
        sharing.share_work(2, lambda inner: None)

    sharing.share_work(7, work)
    assert sorted(parts) == list(range(7))
    assert set(free) == {1}
    assert threads.free_threads() == threads.get_threads()


def test_share_work__raises_the_error_of_the_first_part_after_all_ended() -> None:
    ended: list[int] = []

    def work(part: int) -> None:
        if part in (1, 3):
            raise ZeroDivisionError(part)
        ended.append(part)

    with pytest.raises(ZeroDivisionError, match="1"):
        sharing.share_work(5, work)
    assert sorted(ended) == [0, 2, 4]


def test_share_work__an_interrupt_is_raised_after_all_parts_ended() -> None:
    class Stop(Exception):
        pass

    def handle(*_: object) -> None:
        raise Stop

    running: set[int] = set()

    def work(part: int) -> None:
        running.add(part)
        end = time.perf_counter() + 0.3
        try:
            while time.perf_counter() < end:
                time.sleep(0.001)
        finally:
            running.discard(part)

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Stop):
            sharing.share_work(2, work)
        assert not running
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_share_work__runs_every_part_for_several_python_threads_at_once() -> None:
    """One of them has the helpers, the others run all their parts alone."""
    found: list[list[int]] = []

    def call() -> None:
        parts: list[int] = []

        def work(part: int) -> None:
            time.sleep(0.0002)
            parts.append(part)

        sharing.share_work(6, work)
        found.append(sorted(parts))

    def repeat() -> None:
        for _ in range(50):
            call()

    callers = [threading.Thread(target=repeat) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [list(range(6))] * 150


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_share_work__no_signal_is_lost_wherever_it_arrives() -> None:
    class Stop(Exception):
        pass

    arrived, raised = 0, 0

    def handle(*_: object) -> None:
        nonlocal arrived
        arrived += 1
        raise Stop

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        for k in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 * (1 + k % 100))
                sharing.share_work(12, lambda part: None)
                time.sleep(0.01)
            except (Stop, ntt.SplitInterruptedError):
                raised += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert raised == arrived == 300
    assert threads.free_threads() == threads.get_threads()


@pytest.mark.skipif(helpers.board(1) is None, reason="no helpers on this system")
def test_share_work__a_part_that_never_ran_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def share(board: int, count: int, parts: int, step: int, run: Run, *_: object) -> None:
        for part in range(parts - 1):
            run(None, part, part + 1, 0, step)

    monkeypatch.setattr(helpers._helpers, "_share", share)
    with pytest.raises(ntt.SplitInterruptedError, match="not be complete"):
        sharing.share_work(4, lambda part: None)


def test_share_work__without_helpers_runs_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "share", lambda *_: False)
    parts: list[int] = []
    sharing.share_work(7, parts.append)
    assert sorted(parts) == list(range(7))


def test_helpers__are_there_on_this_system_or_nobody_asks_for_them() -> None:
    board = helpers.board(1)
    assert board is None or board % 64 == 0
    assert helpers.board(1) == board
