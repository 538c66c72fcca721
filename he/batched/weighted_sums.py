"""Affine maps on batched ciphertexts, one a tensor element: sums of elements times integers.

A weighted sum treats parts, limbs and slots alike, so that nothing here belongs to a scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from he.batched.block_sizes import SUMS, WIDTH
from he.batched.blocks import Blocks, Rows, chained
from he.batched.sum_program import SPARE_BITS, Assembly, SumProgram, WeightDigits
from he.errors import ParameterError
from ntt import threads
from ntt.kernels import KernelModule
from ntt.memory import large_zeros, read_only
from ntt.workspace import workspace

_kernels = KernelModule("he.batched.kernels")

_WORDS = 1 << 22  # of one batch of outputs: 32 MiB
_KEPT_WORDS = 1 << 23  # of all outputs, where inputs stream past them: 64 MiB
_STREAMED_WORDS = 1 << 24  # of the inputs of one pass: 128 MiB

LEAST_MODULUS_BITS = 16
"""Moduli are at least two to this power: what the kernel's quotients are good for."""


class WeightedSums:
    """``matrix @ x + offset`` modulo each of `moduli`.

    matrix: a CSR matrix of int64 (out, in), as SciPy has them. Rows that store the same columns are
    computed together, so that a layer's zeros should be stored, too. offsets: (out,) integers,
    added to part 0 at every point of the transform. moduli: from 2^16 to below 2^58. name: tells
    the scratch memory of several maps apart.

    Outputs come in the order `order`. Weights that are too large for sums of products in 64 bits
    are cut into digits. Raises `ParameterError` for other moduli, for a matrix whose columns lie
    outside of it, and for inputs that do not fit the matrix and the moduli.
    """

    def __init__(
        self, matrix: Any, offsets: Sequence[int], moduli: Sequence[int], name: str = ""
    ) -> None:
        bits = max(moduli).bit_length(), min(moduli).bit_length()
        if bits[0] > 63 - SPARE_BITS - 1 or bits[1] <= LEAST_MODULUS_BITS:
            raise ParameterError(
                f"weighted sums modulo primes of {bits[1]} to {bits[0]} bits: from "
                f"{LEAST_MODULUS_BITS + 1} to {62 - SPARE_BITS} bits are needed"
            )
        _check_matrix(matrix, len(offsets))
        self._matrix, self._name = matrix, name
        groups = _grouped(matrix)
        self.order: NDArray[np.int64] = np.concatenate(groups)
        """The row of the matrix that each output, as it comes, belongs to."""
        self._groups = groups
        self._moduli = np.array(moduli, dtype=np.uint64)
        self._inverses = (1 / self._moduli.astype(np.float64)).view(np.uint64)
        self._offsets = np.array(
            [[offsets[row] % q for row in self.order] for q in moduli], dtype=np.uint64
        )
        self._digits = WeightDigits.of(matrix.data, max(moduli))
        self._programs: dict[tuple[int, int, int, int], SumProgram] = {}

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.order)

    def __call__(self, rows: Iterable[Rows] | Blocks) -> Iterator[Rows]:
        """The outputs in batches; each is scratch memory, good until the next is asked for."""
        if isinstance(rows, Blocks):
            return self._by_groups(rows)
        return self._from_rows(iter(rows))

    def _from_rows(self, rows: Iterator[Rows]) -> Iterator[Rows]:
        first = next(rows)
        _, parts, limbs, N = first.shape
        words = parts * limbs * N
        if self.outputs * words <= _KEPT_WORDS:
            yield from self._streamed(first, rows)
            return
        inputs = int(self._matrix.shape[1])
        kept = Blocks(self._workspace("kept", (parts, limbs, N // WIDTH, inputs, WIDTH)))
        self._check_count(_fill(kept, first, rows))
        yield from self._by_groups(kept)

    def _by_groups(self, inputs: Blocks) -> Iterator[Rows]:
        """All inputs are there: as many groups of outputs at a time as make a good batch."""
        parts, limbs, elements, N = inputs.shape
        self._check_count(elements)
        most = max(1, _WORDS // (parts * limbs * N))
        begin, start = 0, 0
        while begin < len(self._groups):
            end, count = begin, 0
            for group in self._groups[begin:]:
                if count and count + len(group) > most:
                    break
                count, end = count + len(group), end + 1
            target = self._workspace("outputs", (count, parts, limbs, N))
            program = self._program(begin, end, 0, int(self._matrix.shape[1]))
            self._run(program, target, inputs, start, fresh=True)
            yield target
            begin, start = end, start + count

    def _streamed(self, first: Rows, rows: Iterator[Rows]) -> Iterator[Rows]:
        """All outputs are there, and take what a pass of inputs adds to them."""
        _, parts, limbs, N = first.shape
        inputs = int(self._matrix.shape[1])
        most = min(inputs, max(len(first), _STREAMED_WORDS // (parts * limbs * N)))
        room = self._workspace("pass", (parts, limbs, N // WIDTH, most, WIDTH))
        target = self._workspace("outputs", (self.outputs, parts, limbs, N))
        done, held = 0, 0
        for batch in chained(first, rows):
            taken = 0
            while taken < len(batch):
                count = min(len(batch) - taken, most - held)
                Blocks(room).put(held, batch[taken : taken + count])
                taken, held = taken + count, held + count
                if held == most or done + held == inputs:
                    program = self._program(0, len(self._groups), done, done + held)
                    self._run(program, target, Blocks(room), 0, fresh=done == 0)
                    done, held = done + held, 0
        self._check_count(done + held)
        yield target

    def _check_count(self, elements: int) -> None:
        """Raise `ParameterError` unless each column of the matrix has its element."""
        if elements != self._matrix.shape[1]:
            raise ParameterError(
                f"{elements} elements for a matrix of {self._matrix.shape[1]} columns"
            )

    def _run(
        self, program: SumProgram, target: Rows, inputs: Blocks, start: int, *, fresh: bool
    ) -> None:
        count, parts = target.shape[:2]
        limbs = len(self._moduli)
        if inputs.shape[1] != limbs:
            raise ParameterError(f"elements of {inputs.shape[1]} limbs for {limbs} moduli")
        offsets = large_zeros((parts, limbs, count))
        offsets[0] = self._offsets[:, start : start + count]

        elements = read_only(inputs.data)

        def work(lo: int, hi: int) -> None:
            _kernels.weighted_sums(
                target, elements, program.inputs, program.weights, program.phases,
                program.tiles, offsets, fresh, self._moduli, self._inverses,
                workspace("weighted sums", (SUMS,)), lo, hi,
            )  # fmt: skip

        threads.split(inputs.data.shape[2], work)

    def _workspace(self, what: str, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        return workspace(f"weighted sums {what} {self._name}", shape)

    def _program(self, begin: int, end: int, lo: int, hi: int) -> SumProgram:
        """Groups [begin, end) on the inputs [lo, hi), which stand at 0 .. hi - lo."""
        key = begin, end, lo, hi
        if key not in self._programs:
            self._programs[key] = self._made(*key)
        return self._programs[key]

    def _made(self, begin: int, end: int, lo: int, hi: int) -> SumProgram:
        assembly = Assembly(self._digits)
        indptr, indices, data = self._matrix.indptr, self._matrix.indices, self._matrix.data
        for group in self._groups[begin:end]:
            columns = indices[indptr[group[0]] : indptr[group[0] + 1]]
            chosen = np.flatnonzero((lo <= columns) & (columns < hi))
            table = np.array([data[indptr[row] : indptr[row + 1]][chosen] for row in group])
            assembly.add_group(columns[chosen].astype(np.int64) - lo, table)
        return assembly.program()


def _check_matrix(matrix: Any, offsets: int) -> None:
    """Raise `ParameterError` unless it is a CSR matrix of int64, with an offset for each row."""
    rows, columns = matrix.shape
    ends = matrix.indptr.tolist()
    whole = (
        rows == offsets == len(ends) - 1
        and ends == sorted(ends)
        and ends[0] == 0
        and ends[-1] == len(matrix.indices) == len(matrix.data)
        and matrix.data.dtype == np.int64
    )
    if not whole or (ends[-1] and not 0 <= matrix.indices.min() <= matrix.indices.max() < columns):
        raise ParameterError(
            f"a matrix of shape {matrix.shape} with {offsets} offsets: a CSR matrix of int64 is "
            f"needed, its columns inside of it, and an offset for each row"
        )


def _grouped(matrix: Any) -> list[NDArray[np.int64]]:
    """The rows that store the same columns, in order of their first."""
    groups: dict[bytes, list[int]] = {}
    for row in range(int(matrix.shape[0])):
        columns = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        groups.setdefault(columns.tobytes(), []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in groups.values()]


def _fill(blocks: Blocks, first: Rows, rows: Iterator[Rows]) -> int:
    done = 0
    for batch in chained(first, rows):
        blocks.put(done, batch)
        done += len(batch)
    return done
