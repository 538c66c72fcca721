"""Scratch arrays that live as long as their thread, so that the steady state allocates nothing."""

from __future__ import annotations

import threading

import numpy as np

_arrays = threading.local()
_LINE_BYTES = 64  # a cache line, and the widest vector


def workspace(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint64 array of `shape`, the same memory at every call of this thread.

    It starts on a cache line: vectors that straddle two make the transforms up to 4 % slower. The
    caller owns it until it, or anything it calls, asks for `name` again.
    """
    store: dict[str, np.ndarray] = _arrays.__dict__
    size = 1
    for length in shape:
        size *= length
    flat = store.get(name)
    if flat is None or flat.size < size:
        flat = store[name] = _aligned(size)
    return flat[:size].reshape(shape)


def _aligned(words: int) -> np.ndarray:
    """An uninitialised uint64 array (words,) that starts on a cache line."""
    memory = np.empty(8 * words + _LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + 8 * words].view(np.uint64)


def release() -> None:
    """Give this thread's scratch memory back."""
    _arrays.__dict__.clear()
