"""ntt.memory: large blocks are used again, and never while somebody looks at them."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ntt import memory

_WORDS = memory._SMALLEST_BYTES // 8


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    gc.collect()
    memory.release()
    yield
    memory.release()


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_large_array__is_an_ordinary_array() -> None:
    array = memory.large_array((2, _WORDS // 2))
    assert array.shape == (2, _WORDS // 2)
    assert array.dtype == np.uint64
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array[:] = 7
    assert int(array.sum()) == 7 * _WORDS


def test_large_array__memory_is_used_again_after_the_last_view() -> None:
    array = memory.large_array((4, _WORDS // 4))
    address = _address(array)
    view = array[1].reshape(2, -1)
    del array
    assert memory.waiting_bytes() == 0  # the view still looks at it
    del view
    assert memory.waiting_bytes() == 8 * _WORDS
    again = memory.large_array((_WORDS,))
    assert _address(again) == address
    assert memory.waiting_bytes() == 0


def test_large_array__two_living_arrays_share_nothing() -> None:
    first, second = (memory.large_array((_WORDS,)) for _ in range(2))
    first[:], second[:] = 1, 2
    assert not np.shares_memory(first, second)
    assert np.all(first == 1)


def test_large_array__small_ones_are_left_to_malloc() -> None:
    array = memory.large_array((_WORDS - 1,))
    del array
    assert memory.waiting_bytes() == 0


def test_large_array__no_more_than_the_bound_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_KEPT_BYTES", 3 * 8 * _WORDS)
    arrays = [memory.large_array((_WORDS,)) for _ in range(5)]
    too_large = memory.large_array((4 * _WORDS,))
    while arrays:
        arrays.pop()
        assert memory.waiting_bytes() <= 3 * 8 * _WORDS
    del too_large
    assert memory.waiting_bytes() <= 3 * 8 * _WORDS


def test_release__gives_everything_back() -> None:
    memory.large_array((_WORDS,))
    assert memory.waiting_bytes() > 0
    memory.release()
    assert memory.waiting_bytes() == 0


def test_aligned_array__starts_on_a_cache_line() -> None:
    arrays = [memory.aligned_array(words) for words in (1, 7, 64, 1000)]
    assert [array.size for array in arrays] == [1, 7, 64, 1000]
    assert [_address(array) % 64 for array in (*arrays, memory.large_array((_WORDS,)))] == [0] * 5


def test_large_zeros__are_zeros_in_memory_that_was_used() -> None:
    memory.large_array((_WORDS,)).fill(3)
    assert not memory.large_zeros((2, _WORDS // 2)).any()


def test_large_copy__is_independent_and_contiguous() -> None:
    source = np.arange(12, dtype=np.uint64).reshape(3, 4)[:, ::2]
    copy = memory.large_copy(source)
    assert (copy == source).all()
    assert copy.flags.c_contiguous
    assert not np.shares_memory(copy, source)


def test_contiguous__copies_only_where_needed() -> None:
    array = np.arange(12, dtype=np.uint64).reshape(3, 4)
    assert memory.contiguous(array) is array
    part = memory.contiguous(array[:, 1:])
    assert part.flags.c_contiguous
    assert (part == array[:, 1:]).all()


def test_read_only__is_a_view_of_the_same_words() -> None:
    array = memory.large_zeros((3,))
    view = memory.read_only(array)
    assert np.shares_memory(view, array)
    assert (view.flags.writeable, array.flags.writeable) == (False, True)


@pytest.mark.parametrize("words", [1, 1000, _WORDS])
def test_secret_array__is_zeros_after_its_last_view(
    words: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    def watch(kind: type, memory_of: Callable[[Any], np.ndarray]) -> None:
        end = kind.__del__

        def watched(self: Any) -> None:
            before = int((memory_of(self) == 7).sum())
            end(self)
            ended.append((before, int(memory_of(self).max())))

        monkeypatch.setattr(kind, "__del__", watched)

    watch(memory._SecretBytes, lambda block: block.view(np.ndarray))
    watch(memory._SecretBlock, lambda block: block._memory.view(np.uint8))
    array = memory.secret_array((1, words))
    array.view(np.uint8).fill(7)
    view = array[:, :1]
    del array
    assert ended == []  # the view still looks at it
    del view
    ((before, after),) = ended
    assert before >= 8 * words
    assert after == 0


def test_wipe__turns_all_words_into_zeros() -> None:
    array = memory.large_array((3, 5))
    array.fill(7)
    memory.wipe(array[1:])
    assert array.tolist() == [[7] * 5, [0] * 5, [0] * 5]


def test_secret_array__a_large_one_is_used_again() -> None:
    array = memory.secret_array((_WORDS,))
    array[:] = 7
    address = _address(array)
    del array
    again = memory.large_array((_WORDS,))
    assert _address(again) == address
    assert not again.any()


def test_wipe_bytes__only_where_nobody_else_looks() -> None:
    secret = bytes(range(1, 33))
    shared = secret
    memory.wipe_bytes(secret)
    assert shared == bytes(range(1, 33))
    del shared
    memory.wipe_bytes(secret)
    assert secret == bytes(32)


@pytest.mark.parametrize("kind", ["large_array", "secret_array"])
def test_array__may_outlive_this_module(kind: str) -> None:
    """What `builtins` holds ends after all modules, when their names are gone."""
    program = (
        "import builtins, ntt.memory as memory; "
        f"builtins.kept = memory.{kind}((1 << 20,)); builtins.kept.fill(7)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
