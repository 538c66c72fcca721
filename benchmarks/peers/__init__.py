"""Other libraries, each behind the same few operations, so that one loop times them all."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Case:
    """What every library is asked for: ring degree, usable depth, and slots to compute on."""

    N: int
    depth: int

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Two vectors of N/2 reals in [-1, 1), the same for every library."""
        random = np.random.default_rng(self.N + self.depth)
        first, second = random.uniform(-1, 1, (2, self.N // 2))
        return first, second


OPERATIONS = ("encode", "encrypt", "decrypt", "multiply", "rotate", "rotate16")
"""encode: N/2 reals. encrypt: an encoded plaintext, public key. decrypt: and decode, at the top
level. multiply: two ciphertexts, relinearize, rescale. rotate: by one slot. rotate16: sixteen
different rotations of one ciphertext."""

ROTATIONS = tuple(range(1, 17))


class Library(Protocol):
    """One library set up for one case.

    `parameters` go into the table. `operations` maps names of `OPERATIONS` to calls without
    arguments, each of which returns what `reveal` decrypts and decodes (or None where there is
    nothing to reveal).
    """

    name: str
    version: str
    parameters: dict[str, object]
    operations: dict[str, Callable[[], object]]

    def reveal(self, result: object) -> np.ndarray:
        """The real slots of a ciphertext that an operation returned."""
        ...


CKKS_MODULES = {
    "he-accel": "he_accel",
    "Pyfhel": "pyfhel",
    "seal-python": "seal_python",
    "desilofhe": "desilo",
    "OpenFHE": "openfhe_python",
}
"""The libraries' modules in this package, ours first."""


def set_up(name: str, case: Case, modules: Mapping[str, str] = CKKS_MODULES) -> Library | str:
    """The library for a case, or one sentence that says why it is not here."""
    try:
        module = importlib.import_module(f"benchmarks.peers.{modules[name]}")
        library: Library = module.set_up(case)
    except ImportError as error:
        return f"{name} is not installed: {error}"
    except UnsupportedCase as error:
        return f"{name} has no such case: {error}"
    return library


class UnsupportedCase(Exception):
    """A library cannot be set up with the ring degree and depth asked for."""
