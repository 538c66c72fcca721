"""Memory for large arrays: the memory of an array that is gone serves the next one.

The operating system zeroes a large block page by page at every allocation, which takes as long as a
computation on the block. Other libraries of this kind keep pools, too (SEAL's ``MemoryPool``).
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable

import numpy as np

_KEPT_BYTES = 384 << 20
"""How much memory is kept for later arrays at most: the results of eight rotations at N = 2^16 take
235 MiB.
"""

_SMALLEST_BYTES = 4 << 20
"""The size from which NumPy asks for huge pages; `malloc` itself reuses smaller blocks."""

_LINE_BYTES = 64
"""The size of a cache line, and of the widest vector."""

# A block may end in any thread, at any moment, so every step on this dictionary is an atomic one.
_free: dict[int, list[np.ndarray]] = {}


def large_array(shape: tuple[int, ...]) -> np.ndarray:
    """A uint64 array of `shape`, not initialised; one of 4 MiB or more is an `aligned_array`.

    When the last view of a large array is gone, its memory waits for the next array of the same
    size. At most 384 MiB wait: all waiting memory is freed before another block would exceed that.
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


def secret_array(shape: tuple[int, ...]) -> np.ndarray:
    """A `large_array` for secrets: its memory becomes zeros when the last view of it is gone."""
    size = 8 * math.prod(shape)
    if size < _SMALLEST_BYTES:
        return np.ndarray(shape, np.uint64, _SecretBytes(size, np.uint8))
    return np.asarray(_SecretBlock(size // 8)).reshape(shape)


def wipe(array: np.ndarray) -> None:
    """Turn a contiguous array of at least one axis into zeros."""
    # NumPy fills bytes faster than words.
    array.view(np.uint8).fill(0)


def wipe_bytes(secret: bytes) -> None:
    """Turn a bytes object into zeros, if only one variable of the caller refers to it.

    Python never changes bytes. They stand behind the header of their object, where this writes.
    """
    # That variable, the argument, and the argument of `getrefcount`.
    if sys.getrefcount(secret) <= 3:
        ctypes.memset(id(secret) + bytes.__basicsize__ - 1, 0, len(secret))


def contiguous(array: np.ndarray) -> np.ndarray:
    """A uint64 array itself where it is C-contiguous, else its `large_copy`."""
    return array if array.flags.c_contiguous else large_copy(array)


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written: kernels that only read are then compiled for one type."""
    view = array.view()
    view.setflags(write=False)
    return view


def aligned_array(words: int) -> np.ndarray:
    """A uint64 array (words,), not initialised, that starts on a cache line.

    The processor needs two accesses for a vector that lies on two lines.
    """
    memory = np.empty(8 * words + _LINE_BYTES, dtype=np.uint8)
    # As `memory.ctypes.data`, without an object for each call.
    start = -memory.__array_interface__["data"][0] % _LINE_BYTES
    return memory[start : start + 8 * words].view(np.uint64)


def release() -> None:
    """Free all memory that waits."""
    _free.clear()


def waiting_bytes() -> int:
    """How many bytes of memory wait for the next array."""
    return sum(8 * words * len(blocks) for words, blocks in list(_free.items()))


class _Block:
    """The owner of an array's memory. NumPy keeps it alive through `ndarray.base`."""

    def __init__(self, words: int) -> None:
        try:
            self._memory = _free[words].pop()
        except (KeyError, IndexError):
            self._memory = aligned_array(words)
        self.__array_interface__ = self._memory.__array_interface__

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if finalizing():  # the names of this module may be gone already
            return
        size = self._memory.nbytes
        if waiting_bytes() + size > _KEPT_BYTES:
            release()
        if size <= _KEPT_BYTES:
            _free.setdefault(self._memory.size, []).append(self._memory)


class _SecretBlock(_Block):
    """A block that is zeroed at its end."""

    def __del__(self, *_: object) -> None:
        self._memory.view("u1").fill(0)  # `wipe`, without names of this module
        super().__del__()


class _SecretBytes(np.ndarray):
    """Memory that is zeroed at its end: the base of a small array, at a tenth of a block's cost."""

    def __del__(self) -> None:
        self.fill(0)
