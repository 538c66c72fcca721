"""Scratch arrays: the same memory again, each thread its own, on cache lines."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ntt.workspace import release, secret_workspace, wipe, workspace


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 1 << 13)])
def test_workspace__starts_on_a_cache_line_and_is_writable_to_its_end(
    shape: tuple[int, ...],
) -> None:
    release()
    array = workspace("aligned", shape)
    assert array.shape == shape
    assert array.dtype == np.uint64
    assert array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
    array[...] = np.arange(array.size, dtype=np.uint64).reshape(shape)
    assert int(array[tuple(n - 1 for n in shape)]) == array.size - 1


def test_workspace__the_same_memory_unless_more_is_asked_for() -> None:
    first = workspace("again", (4, 8))
    assert np.shares_memory(first, workspace("again", (2, 8)))
    assert not np.shares_memory(first, workspace("another", (4, 8)))
    larger = workspace("again", (8, 8))
    assert not np.shares_memory(first, larger)
    assert np.shares_memory(larger, workspace("again", (4, 8)))


def test_workspace__every_thread_has_its_own() -> None:
    mine, others = workspace("threads", (64,)), []
    thread = threading.Thread(target=lambda: others.append(workspace("threads", (64,))))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])


def test_secret_workspace__is_zeros_behind_the_block_whatever_happens() -> None:
    def fail() -> None:
        with secret_workspace("secret", (4, 8)) as array:
            array.fill(7)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert not workspace("secret", (32,)).any()


def test_wipe__turns_the_named_ones_into_zeros() -> None:
    for name in ("one", "two", "three"):
        workspace(name, (8,)).fill(7)
    wipe("one", "three", "never asked for")
    assert [int(workspace(name, (8,)).sum()) for name in ("one", "two", "three")] == [0, 56, 0]
