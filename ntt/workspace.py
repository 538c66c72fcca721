"""Scratch arrays that live as long as their thread, so that the steady state allocates nothing."""

from __future__ import annotations

import threading

import numpy as np

from ntt.memory import aligned_array
from ntt.threads import settle

_arrays = threading.local()


def workspace(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint64 array of `shape`, the same memory at every call of this thread.

    The caller owns it until it, or anything it calls, asks for `name` again. It is an
    `aligned_array`. No worker of an interrupted call still writes there (`ntt.threads.settle`).
    """
    settle()
    store: dict[str, np.ndarray] = _arrays.__dict__
    size = 1
    for length in shape:
        size *= length
    flat = store.get(name)
    if flat is None or flat.size < size:
        flat = store[name] = aligned_array(size)
    return flat[:size].reshape(shape)


def release() -> None:
    """Give this thread's scratch memory back."""
    _arrays.__dict__.clear()
