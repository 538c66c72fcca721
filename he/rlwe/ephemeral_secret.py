"""The sparse secret of bootstrapping, which lives while two keys are made (Bossuat,
Troncoso-Pastoriza, Hubaux, "Bootstrapping for approximate homomorphic encryption with negligible
failure-probability by using sparse-secret encapsulation", ACNS 2022).
"""

from __future__ import annotations

from typing import Self

import numpy as np

from he.errors import MissingKeyError
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import RandomStream
from he.rlwe.security import SPARSE_WEIGHT
from he.rlwe.small_polynomials import rows_of, small_polynomial
from ntt.memory import secret_array


class EphemeralSecret:
    """A secret with `SPARSE_WEIGHT` coefficients -1 or 1, or as many as N / 2, and zeros.

    stream: its randomness; None makes no secret. Its memory becomes zeros at the end of the
    ``with`` block.
    """

    def __init__(self, params: RLWEParameters, stream: RandomStream | None) -> None:
        self._params = params
        self._memory: np.ndarray | None = None
        if stream is None:
            return
        rows = context(params)
        ops = rows.limbs(rows.all_rows)
        self._memory = secret_array((1 + len(ops.moduli), params.N))
        small = self._memory[0].view(np.int64)
        _draw(stream, min(SPARSE_WEIGHT, params.N // 2), small)
        small_polynomial(small, ops, self._memory[1:])

    def transformed(self, level: int) -> np.ndarray:
        """The transform in QP at `level`, (limbs_QP, N)."""
        if self._memory is None:
            raise MissingKeyError(
                "keys of bootstrapping are made together: use `KeyGenerator.evaluation_keys` with "
                "the needs of a `Bootstrapper`"
            )
        return rows_of(self._memory[1:], context(self._params).qp_rows(level))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._memory is not None:
            self._memory.fill(0)
            self._memory = None


def _draw(stream: RandomStream, weight: int, out: np.ndarray) -> None:
    """out int64 (N,) = a uniform choice of `weight` places with uniform signs there, and zeros."""
    out.fill(0)
    words = secret_array((1, 2 * weight))[0]
    while weight:
        stream.fill(words.view(np.uint8))
        for word in words:
            place = int(word >> np.uint64(1)) & (out.size - 1)
            if weight and not out[place]:
                out[place] = 1 - 2 * int(word & np.uint64(1))
                weight -= 1
