"""Tensors whose elements are ciphertexts, on their way through the steps of a circuit.

A step hands its elements to the next step in batches of rows, (count, parts, limbs, N) uint64 in
[0, q), while the rows are in the cache. Elements that have to stay are kept in blocks of columns
(`he.batched.kernels`). Nothing here belongs to a scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from he.batched.block_sizes import WIDTH
from he.errors import ParameterError
from he.rlwe.array_checks import check_array
from he.validation import whole_number
from ntt import threads
from ntt.kernels import KernelModule
from ntt.memory import large_array, read_only
from ntt.workspace import workspace

_kernels = KernelModule("he.batched.kernels")

Rows = NDArray[np.uint64]

BATCH = 8
"""Rows of a batch: they lie side by side in a block, so that its memory is written in runs."""


class Blocks:
    """Elements in blocks of columns: data (parts, limbs, N / WIDTH, elements, WIDTH).

    Raises `ParameterError` for an array or a place that does not fit: the kernels have no bounds.
    """

    def __init__(self, data: NDArray[np.uint64]) -> None:
        shape = np.shape(data)
        check_array(data, (*shape[:4], *[1] * (4 - len(shape)), WIDTH), "blocks")
        self.data = data

    @classmethod
    def empty(cls, parts: int, limbs: int, elements: int, N: int) -> Blocks:
        """Room for `elements`."""
        return cls(large_array((parts, limbs, N // WIDTH, elements, WIDTH)))

    @property
    def elements(self) -> int:
        """How many elements the blocks hold."""
        return int(self.data.shape[3])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(parts, limbs, elements, N)."""
        parts, limbs, blocks, elements, width = self.data.shape
        return parts, limbs, elements, blocks * width

    def freeze(self) -> None:
        """Let no element change any more."""
        self.data.setflags(write=False)

    def put(self, first: int, rows: Rows) -> None:
        """Elements first, first + 1, .. = rows (count, parts, limbs, N)."""
        parts, limbs, elements, N = self.shape
        check_array(rows, (len(rows), parts, limbs, N), "rows")
        whole_number(first, "the first element", 0, elements - len(rows))
        rows = read_only(rows)

        def work(lo: int, hi: int) -> None:
            _kernels.to_blocks(self.data, rows, first, lo, hi)

        threads.split(N // WIDTH, work)

    def row(self, element: int) -> Rows:
        """One element, (parts, limbs, N)."""
        parts, limbs, elements, N = self.shape
        element = whole_number(element, "the element", 0, elements - 1)
        row = large_array((parts, limbs, N))
        _kernels.from_blocks(row, read_only(self.data), element)
        return row

    def taken(self, elements: NDArray[np.int64]) -> Blocks:
        """These elements, in this order."""
        parts, limbs, blocks, count, width = self.data.shape
        if len(elements) and not 0 <= elements.min() <= elements.max() < count:
            raise ParameterError(f"elements {elements} of {count}")
        chosen = large_array((parts, limbs, blocks, len(elements), width))
        return Blocks(np.take(self.data, elements, axis=3, out=chosen, mode="clip"))

    def rows(self) -> Iterator[Rows]:
        """Every element, in batches of one."""
        return (self.row(element)[None] for element in range(self.elements))


class Elementwise:
    """``function(row, out)`` on every element: (.., limbs, N) to out (parts, limbs, N).

    name: the name of the scratch memory that holds the batches.
    """

    def __init__(
        self, function: Callable[[Rows, Rows], object], parts: int, limbs: int, name: str
    ) -> None:
        self._function, self._shape, self._name = function, (parts, limbs), name

    def __call__(self, rows: Iterable[Rows] | Blocks) -> Iterator[Rows]:
        """The results in batches, each good until the next is asked for."""
        for batch in rows.rows() if isinstance(rows, Blocks) else rows:
            for start in range(0, len(batch), BATCH):
                yield self._applied(batch[start : start + BATCH])

    def _applied(self, batch: Rows) -> Rows:
        out = workspace(self._name, (len(batch), *self._shape, batch.shape[-1]))

        def work(lo: int, hi: int) -> None:
            for k in range(lo, hi):
                self._function(batch[k], out[k])

        threads.split(len(batch), work)
        return out


def chained(first: Rows, rows: Iterator[Rows]) -> Iterator[Rows]:
    """A batch that was taken from the front, then the others."""
    yield first
    yield from rows
