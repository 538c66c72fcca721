"""A library with the operations that are timed, and how it is set up."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

import numpy as np

OWN = "he-accel"
"""What the names of this library begin with."""


class UnsupportedCase(Exception):
    """A library has no parameters for the ring degree and depth of a case."""


@dataclass(frozen=True)
class Case:
    """The task of every library: a ring degree, a usable depth, and values to compute on.

    scale_bits: the scale, for cases of this library alone; None is what each library needs.
    """

    N: int
    depth: int
    scale_bits: float | None = None

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Two vectors of N/2 reals in [-1, 1), the same for every library."""
        random = np.random.default_rng(self.N + self.depth)
        first, second = random.uniform(-1, 1, (2, self.N // 2))
        return first, second

    def __str__(self) -> str:
        return f"{self.N}:{self.depth}"


@dataclass(frozen=True, eq=False)
class Library:
    """One library, set up for one case.

    parameters: plain data for the results. operations: calls without arguments, by name. reveal:
    decrypts and decodes what an operation returned, except "encode" and "decrypt".
    """

    name: str
    version: str
    parameters: dict[str, object]
    operations: Mapping[str, Callable[[], object]]
    reveal: Callable[[object], np.ndarray]


def set_up(name: str, case: Case, modules: Mapping[str, str]) -> Library | str:
    """The library of that name for a case, or a sentence that says why there is none; no words
    where nobody asks.

    modules: name -> module in `benchmarks.peers`, whose `set_up` makes the library.
    """
    if getattr(case, "scale_bits", None) is not None and not name.startswith(OWN):
        return f"{name} has no such case: at scales of 2^{case.scale_bits:g} we compare our own"
    try:
        module = importlib.import_module(f"benchmarks.peers.{modules[name]}")
        library: Library = module.set_up(case)
    except ImportError as error:
        return f"{name} is not installed: {error}"
    except UnsupportedCase as error:
        return f"{name} has no such case: {error}" if str(error) else ""
    return library


def own_version() -> str:
    """The installed version of this library, or "source" where it is not installed."""
    try:
        return metadata.version("he-accel")
    except metadata.PackageNotFoundError:
        return "source"
