from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

import ntt
from ntt import threads
from ntt.limbs import LimbOps


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    ntt.set_threads(None)


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that may run four threads, whatever this one has."""
    monkeypatch.setattr(threads, "machine_threads", lambda: 4)
    ntt.set_threads(None)


def test_get_threads__is_the_machine_by_default() -> None:
    assert ntt.get_threads() == ntt.machine_threads() >= 1


@pytest.mark.usefixtures("four_threads")
def test_set_threads__counts_until_taken_back() -> None:
    ntt.set_threads(3)
    assert ntt.get_threads() == 3
    ntt.set_threads(None)
    assert ntt.get_threads() == 4


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("count", [0, -1, 5, 1.5, "two", ""])
def test_set_threads__wrong_counts_are_refused(count: object) -> None:
    with pytest.raises(ntt.ThreadCountError, match="from 1 to 4"):
        ntt.set_threads(count)  # type: ignore[arg-type]
    assert ntt.get_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_environment__is_used_and_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.ENVIRONMENT_VARIABLE, "2")
    ntt.set_threads(None)
    assert ntt.get_threads() == 2
    ntt.set_threads(3)
    assert ntt.get_threads() == 3


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("value", ["0", "9", "many"])
def test_environment__wrong_counts_are_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(threads.ENVIRONMENT_VARIABLE, value)
    ntt.set_threads(None)
    with pytest.raises(ntt.ThreadCountError, match=f"HE_ACCEL_THREADS is '{value}'"):
        ntt.get_threads()


@pytest.mark.usefixtures("four_threads")
def test_limit__holds_in_its_block_and_thread_only() -> None:
    seen = []
    with threads.limit(2):
        assert ntt.get_threads() == 2
        with threads.limit(None):
            assert ntt.get_threads() == 2
        other = threading.Thread(target=lambda: seen.append(ntt.get_threads()))
        other.start()
        other.join()
    assert ntt.get_threads() == 4
    assert seen == [4]


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("items", [0, 1, 3, 4, 5, 100])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_split__covers_every_item_once(items: int, count: int) -> None:
    parts: list[tuple[int, int]] = []
    threads.split(items, lambda lo, hi: parts.append((lo, hi)), count)
    assert sorted(i for lo, hi in parts for i in range(lo, hi)) == list(range(items))
    assert len(parts) == min(items, count)


@pytest.mark.usefixtures("four_threads")
def test_split__runs_its_parts_at_the_same_time() -> None:
    # Each part waits for all the others: one after another they would never end.
    barrier = threading.Barrier(4, timeout=30)
    threads.split(4, lambda lo, hi: barrier.wait(), 4)
    assert not barrier.broken


@pytest.mark.usefixtures("four_threads")
def test_split__nested_runs_in_the_thread_of_its_part() -> None:
    owners: list[tuple[int, int]] = []

    def outer(lo: int, hi: int) -> None:
        mine = threading.get_ident()
        threads.split(8, lambda a, b: owners.append((mine, threading.get_ident())), 4)

    threads.split(4, outer, 4)
    assert len(owners) == 4
    assert all(mine == inner for mine, inner in owners)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("failing", [0, 3])
def test_split__an_error_in_any_part_is_raised_after_all_ended(failing: int) -> None:
    ended = []

    def work(lo: int, hi: int) -> None:
        if lo == failing:
            raise ZeroDivisionError(lo)
        ended.append(lo)

    with pytest.raises(ZeroDivisionError):
        threads.split(4, work, 4)
    assert sorted(ended) == [i for i in range(4) if i != failing]


@pytest.mark.usefixtures("four_threads")
def test_split__wrong_count_is_refused() -> None:
    with pytest.raises(ntt.ThreadCountError):
        threads.split(4, lambda lo, hi: None, 9)


@pytest.mark.usefixtures("four_threads")
def test_kernels__called_from_two_python_threads_at_once() -> None:
    N = 1 << 14
    tables = ntt.NTTTables(N, ntt.find_primes(45, N, 8))
    ops = LimbOps(tables, np.arange(8))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    inputs = np.random.default_rng(0).integers(0, top, (4, 8, N), dtype=np.uint64)
    expected = [ops.forward(x.copy()) for x in inputs]
    wrong: list[int] = []

    def repeat(k: int) -> None:
        for _ in range(5):
            x = ops.forward(inputs[k].copy())
            if not (x == expected[k]).all() or not (ops.inverse(x) == inputs[k]).all():
                wrong.append(k)

    callers = [threading.Thread(target=repeat, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []
