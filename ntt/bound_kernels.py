"""A backend's kernels, bound to the moduli of some limbs, on arrays of any leading axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ntt import sharing, threads
from ntt.backends import select
from ntt.backends.contract import Backend
from ntt.errors import ResidueShapeError
from ntt.tables import NTTTables

# Rows that one core wrote and another reads cost as much as several sums of them, and half as much
# as their transforms. So sums of fewer words stay in one thread.
_MIN_WORDS_PER_THREAD = 1 << 17
MIN_TRANSFORMED_WORDS_PER_THREAD = 1 << 13


class BoundKernels:
    """The kernels of the backend in force, for the moduli ``tables.moduli[rows]``, rows (limbs,).

    backend: the one to compute with, default the one in force at each call.
    """

    def __init__(self, tables: NTTTables, rows: np.ndarray, backend: Backend | None = None) -> None:
        self.tables = tables
        self.rows = np.ascontiguousarray(rows, dtype=np.int64)
        self.moduli = tuple(tables.moduli[r] for r in self.rows)
        self._shape = (len(self.rows), tables.N)
        words = self.rows.size * tables.N
        self._is_short = words < 2 * _MIN_WORDS_PER_THREAD
        self._is_short_transform = words < 2 * MIN_TRANSFORMED_WORDS_PER_THREAD
        self._tiled = {1: self.rows}
        self._fixed = None if backend is None else (backend, tables.for_word(backend.WORD_BITS))
        self._resolved: dict[str, tuple[Backend, np.ndarray]] = {}

    def _backend(self) -> tuple[Backend, np.ndarray]:
        """The backend to compute with and its tables; every operation asks once."""
        if self._fixed is not None:
            return self._fixed
        choice = select.get_backend()
        if choice not in self._resolved:
            backend = select.backend_for(self.tables.N, self.tables.largest_modulus_bits)
            self._resolved[choice] = backend, self.tables.for_word(backend.WORD_BITS)
        return self._resolved[choice]

    def _transform(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run the kernel `name` on x (.., limbs, N), in place; returns x."""
        backend, tables = self._backend()
        kernel = getattr(backend, name)
        alone = self._is_short_transform or threads.free_threads() == 1
        if alone and x.shape == self._shape:  # by the shortest way
            kernel(x, self.rows, tables, 0, len(self.rows))
        else:
            flat, rows = self._flat(x)
            self._split_transforms(kernel, len(rows), flat, rows, tables)
        return x

    def _elementwise(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        """Run the kernel `name` on arrays of one shape (.., limbs, N); returns the first."""
        backend, tables = self._backend()
        kernel = getattr(backend, name)
        if arrays[0].shape != self._shape:
            *flat, rows = self._flat(*arrays)
            self._split(kernel, len(rows), *flat, rows, tables)
        elif self._is_short:  # the most frequent case, by the shortest way
            kernel(*arrays, self.rows, tables, 0, len(self.rows))
        else:
            self._split(kernel, len(self.rows), *arrays, self.rows, tables)
        return arrays[0]

    def _flat(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arrays as (rows, N), and the row of the tables for each row."""
        check_contiguous(*arrays)
        if arrays[0].shape == self._shape:
            return (*arrays, self.rows)
        N = self.tables.N
        repeat = arrays[0].size // (len(self.rows) * N)
        if repeat not in self._tiled:
            self._tiled[repeat] = np.tile(self.rows, repeat)
        return (*(a.reshape(-1, N) for a in arrays), self._tiled[repeat])

    def _tiled_as(
        self, rows: np.ndarray, constants: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Constants (limbs,) as often as `rows` from `_flat` repeats the limbs."""
        if rows is self.rows:
            return constants
        return tuple(np.tile(c, len(rows) // len(self.rows)) for c in constants)

    def _split(
        self,
        kernel: Callable[..., None],
        rows: int,
        *arguments: Any,
        least: int = _MIN_WORDS_PER_THREAD,
    ) -> None:
        """Run a kernel on range(rows), on several threads where each has `least` words or more."""
        if rows * self.tables.N < 2 * least:
            kernel(*arguments, 0, rows)
        else:
            sharing.share(kernel, arguments, rows)

    def _split_transforms(self, kernel: Callable[..., None], rows: int, *arguments: Any) -> None:
        """`_split` of a kernel that transforms each row, or does as much."""
        self._split(kernel, rows, *arguments, least=MIN_TRANSFORMED_WORDS_PER_THREAD)


def check_contiguous(*arrays: np.ndarray) -> None:
    """Raise `ResidueShapeError` unless all are: what is written into a reshaped copy is lost."""
    for array in arrays:
        if not array.flags.c_contiguous:
            raise ResidueShapeError("residues must be C-contiguous: pass np.ascontiguousarray(x)")
