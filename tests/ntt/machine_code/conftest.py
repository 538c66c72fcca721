"""A folder of its own for machine code, and a module of kernels that lie there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ntt import kept_files
from ntt.machine_code import files

SOURCE = """
from typing import NamedTuple

import numpy as np

from ntt.jit import kernel


class Pair(NamedTuple):
    numbers: np.ndarray
    factor: int


@kernel
def add(out, a, b):
    for i in range(out.size):
        out[i] = a[i] + b[i]


@kernel
def largest(a):
    found = a[0]
    for i in range(a.size):
        found = max(found, a[i])
    return found


@kernel
def bounds(a):
    low, high = a[0], a[0]
    for i in range(a.size):
        low, high = min(low, a[i]), max(high, a[i])
    return low, high


@kernel
def is_even(x):
    return x % 2 == 0


@kernel
def weighed(pair, by):
    total = 0.0
    for i in range(pair.numbers.size):
        total += pair.numbers[i] * pair.factor * by
    return total


@kernel
def flattened(out, a):
    flat = a.reshape(-1)
    for i in range(out.size):
        out[i] = flat[i]


@kernel
def copied(a):
    return np.empty(a.size, dtype=np.uint64)


@kernel
def scratched(a):
    memory = np.empty(8, dtype=np.uint64)
    for i in range(8):
        memory[i] = a[i]
    return memory[a[0]]
"""


def forget() -> None:
    """Forget what was found in folders, as a new process would."""
    for cached in (files.folder, files._listed, files._stamp_of_module, files.made_for):
        cached.cache_clear()
    kept_files.warn_once.cache_clear()
    kept_files.shared_folder.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where machine code is kept during a test."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    forget()
    yield tmp_path / "he-accel"
    forget()


@pytest.fixture
def load(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], ModuleType]]:
    """Import the kernels of `SOURCE` as the module ``toolbox.kernels``, anew at each call."""
    package = tmp_path / "sources" / "toolbox"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "kernels.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(package.parent)

    def import_again() -> ModuleType:
        for name in [name for name in sys.modules if name.startswith("toolbox")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        forget()
        return importlib.import_module("toolbox.kernels")

    yield import_again
    for name in [name for name in sys.modules if name.startswith("toolbox")]:
        del sys.modules[name]
