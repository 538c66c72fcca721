"""Scratch memory of each thread, kept between calls, so that repeated calls allocate nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from ntt import memory
from ntt.threads import settle

_arrays = threading.local()


def workspace(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A uint64 `aligned_array` of `shape`, not initialised, from the scratch memory called `name`.

    Every call of this thread with this name gives the same memory, so the caller may use the array
    until the caller, or a function that it calls, asks for `name` again. No worker of an
    interrupted call still writes there (`ntt.threads.settle`).
    """
    settle()
    store: dict[str, np.ndarray] = _arrays.__dict__
    size = 1
    for length in shape:
        size *= length
    flat = store.get(name)
    if flat is None or flat.size < size:
        flat = store[name] = memory.aligned_array(size)
    return flat[:size].reshape(shape)


@contextlib.contextmanager
def secret_workspace(name: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A `workspace` for secrets, which becomes zeros at the end of the block."""
    array = workspace(name, shape)
    try:
        yield array
    finally:
        settle()
        memory.wipe(array)


def wipe(*names: str) -> None:
    """Turn what this thread's workspaces of these names hold into zeros."""
    settle()
    for name in names:
        flat = _arrays.__dict__.get(name)
        if flat is not None:
            memory.wipe(flat)


def release() -> None:
    """Free the scratch memory of this thread."""
    _arrays.__dict__.clear()
