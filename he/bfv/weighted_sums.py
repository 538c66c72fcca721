"""An integer affine map on ciphertexts, one a tensor element: sums of rows times small weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from he.bfv import batched_kernels
from he.bfv.params import BFVParameters
from he.rns import context
from he.workspace import workspace
from ntt.limbs import BasisChange, LimbOps

_MOST_SOURCES = 1024  # the kernels take fewer than 2^11
_WORDS = 1 << 16  # of packed inputs: half of a second-level cache


@dataclass(frozen=True, eq=False)
class _Group:
    """Outputs that read the same inputs: for each limb, the weights with and without the bias."""

    outputs: NDArray[np.int64]
    inputs: NDArray[np.int64]
    ops: tuple[LimbOps, ...]
    with_bias: tuple[BasisChange, ...]
    without: tuple[BasisChange, ...]
    adds: bool
    """Whether it adds to what earlier groups left, as its outputs read too many inputs for one."""

    def apply(
        self,
        target: NDArray[np.uint64],
        source: NDArray[np.uint64],
        ops: LimbOps,
        change: BasisChange,
    ) -> None:
        """The outputs' rows of one limb, target (out, N), from source (elements, N).

        In blocks of columns, packed: rows a power of two apart share the same few cache lines.
        """
        N, sources, outputs = source.shape[1], len(self.inputs), len(self.outputs)
        # A power of two: the largest whose packed inputs stay in the cache.
        width = min(N, max(64, 1 << (_WORDS // sources).bit_length() - 1))
        packed = workspace("batched inputs", (N // width, sources, width))
        batched_kernels.gather(packed, source, self.inputs)
        sums = workspace("batched outputs", (outputs, width))
        for block, start in enumerate(range(0, N, width)):
            ops.convert(sums, packed[block], change)
            if self.adds:
                sums += target[self.outputs, start : start + width]
                np.minimum(sums, sums - np.uint64(ops.moduli[0]), out=sums)
            batched_kernels.scatter(target, self.outputs, start, sums)


class WeightedSums:
    """``matrix @ x + bias`` on tensors (2, limbs, elements, N) of a parameter set's top level.

    matrix: a CSR matrix of int64 (out, elements), as SciPy has them; bias: integers.

    The weighted sums are those of a change of basis; the bias, the constant polynomial
    round(Q b / t), is the same number at every point of the transform: the offset.
    """

    def __init__(self, matrix: Any, bias: Sequence[int], params: BFVParameters) -> None:
        self._outputs = int(matrix.shape[0])
        self._tables = context(params).tables
        self._moduli = params.q
        Q, t = math.prod(params.q), params.t
        scaled = [(Q * (b % t) * 2 + t) // (2 * t) for b in bias]
        self._groups = list(self._grouped(matrix, scaled))

    def __call__(self, data: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The outputs (2, limbs, out, N)."""
        parts, limbs, _, N = data.shape
        out = np.empty((parts, limbs, self._outputs, N), dtype=np.uint64)
        for part in range(parts):
            for limb in range(limbs):
                for group in self._groups:
                    change = (group.without if part else group.with_bias)[limb]
                    group.apply(out[part, limb], data[part, limb], group.ops[limb], change)
        return out

    def _grouped(self, matrix: Any, scaled: list[int]) -> Iterator[_Group]:
        groups: dict[bytes, list[int]] = {}
        for row in range(self._outputs):
            columns = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
            groups.setdefault(columns.tobytes(), []).append(row)
        for rows in groups.values():
            outputs = np.array(rows, dtype=np.int64)
            first = rows[0]
            columns = matrix.indices[matrix.indptr[first] : matrix.indptr[first + 1]]
            weights = np.array(
                [matrix.data[matrix.indptr[r] : matrix.indptr[r + 1]] for r in rows]
            )
            if not len(columns):
                columns, weights = np.zeros(1, dtype=np.int64), np.zeros((len(rows), 1), int)
            for start in range(0, len(columns), _MOST_SOURCES):
                chosen = slice(start, start + _MOST_SOURCES)
                bias = [0 if start else scaled[r] for r in rows]
                yield self._group(outputs, columns[chosen], weights[:, chosen], bias, start > 0)

    def _group(
        self,
        outputs: NDArray[np.int64],
        inputs: NDArray[np.int64],
        weights: NDArray[np.int64],
        bias: list[int],
        adds: bool,
    ) -> _Group:
        count = len(outputs)
        ops, with_bias, without = [], [], []
        for limb, q in enumerate(self._moduli):
            moduli = (q,) * count
            ops.append(LimbOps(self._tables, np.full(count, limb, dtype=np.int64)))
            change = BasisChange(weights.tolist(), bias, moduli)
            with_bias.append(change)
            plain = copy.copy(change)  # the same weights: making them is the larger work
            plain.offsets = np.zeros_like(change.offsets)
            without.append(plain)
        return _Group(
            outputs, inputs.astype(np.int64), tuple(ops), tuple(with_bias), tuple(without), adds
        )
