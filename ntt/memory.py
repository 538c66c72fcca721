"""Large results in memory that is used again once nobody looks at it.

A large block from the operating system is zeroed page by page at every allocation, which takes as
long as computing on it; libraries of this kind therefore keep pools (SEAL's ``MemoryPool``).
"""

from __future__ import annotations

import math

import numpy as np

_KEPT_BYTES = 192 << 20
"""The most that is kept for later."""

_SMALLEST_BYTES = 4 << 20
"""From here on NumPy asks for huge pages; `malloc` reuses what is smaller."""

_LINE_BYTES = 64
"""A cache line, and the widest vector."""

# Each step below is one that Python does whole, as blocks may end in any thread and at any moment.
_free: dict[int, list[np.ndarray]] = {}


def large_array(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint64 array of `shape`, like `np.empty`; a large one is `aligned_array`.

    When the last view of it is gone, its memory waits for the next array of the same size. No
    more than 192 MiB wait; where one more block would exceed that, what waited is let go.
    """
    words = math.prod(shape)
    if 8 * words < _SMALLEST_BYTES:
        return np.empty(shape, dtype=np.uint64)
    return np.asarray(_Block(words)).reshape(shape)


def large_zeros(shape: tuple[int, ...]) -> np.ndarray:
    """A `large_array` of zeros."""
    array = large_array(shape)
    array.fill(0)
    return array


def large_copy(source: np.ndarray) -> np.ndarray:
    """A `large_array` with the values of a uint64 array."""
    array = large_array(source.shape)
    np.copyto(array, source)
    return array


def contiguous(array: np.ndarray) -> np.ndarray:
    """A uint64 array itself where it is C-contiguous, else its `large_copy`."""
    return array if array.flags.c_contiguous else large_copy(array)


def aligned_array(words: int) -> np.ndarray:
    """An uninitialised uint64 array (words,) that starts on a cache line.

    A vector that straddles two lines is read and written as two.
    """
    memory = np.empty(8 * words + _LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + 8 * words].view(np.uint64)


def release() -> None:
    """Give all memory that waits back to the operating system."""
    _free.clear()


def waiting_bytes() -> int:
    """How much memory waits."""
    return sum(8 * words * len(blocks) for words, blocks in list(_free.items()))


class _Block:
    """The owner of an array's memory, which NumPy keeps alive through `ndarray.base`."""

    def __init__(self, words: int) -> None:
        try:
            self._memory = _free[words].pop()
        except (KeyError, IndexError):
            self._memory = aligned_array(words)
        self.__array_interface__ = self._memory.__array_interface__

    def __del__(self) -> None:
        size = self._memory.nbytes
        if waiting_bytes() + size > _KEPT_BYTES:
            release()
        if size <= _KEPT_BYTES:
            _free.setdefault(self._memory.size, []).append(self._memory)
