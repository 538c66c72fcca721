"""The encoded diagonals of a linear map: what its baby steps and its giant steps both read."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant, split
from he.ckks.encoding.encoder import Encoder
from he.ckks.params import CKKSParameters
from he.errors import EncodingError, LevelExhaustedError, LevelMismatchError, ParameterError
from he.rlwe import galois
from he.rlwe.keys import KeyNeeds
from he.rlwe.rns import context
from ntt.hoisting import VECTOR
from ntt.memory import large_array, large_copy


@dataclass(frozen=True, eq=False)
class EncodedDiagonals:
    """The diagonals of a linear map, encoded for ciphertexts at `level`.

    They are grouped by giant step: those of giant g are rows ``starts[g] .. starts[g + 1]``, each
    to be multiplied by baby step ``baby_of[row]`` and already rotated by minus the giant step. They
    are kept as weights (limbs_QP, N / 8, terms, 8), in the order in which they are read.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: np.ndarray
    baby_of: np.ndarray
    weights: np.ndarray

    @classmethod
    def encode(
        cls,
        encoder: Encoder,
        diagonals: Mapping[int, np.ndarray],
        level: int,
        plan: BabyGiant | None = None,
    ) -> Self:
        """Encode {shift: vector of N/2 slots} for use at `level`.

        plan: how shifts split into baby and giant steps; None finds a cheap one. Raises
        `LevelExhaustedError` at level 0, `EncodingError` for bad vectors.
        """
        params = encoder.params
        _check_level(level, params)
        slots = params.slots
        vectors = _vectors_by_shift(diagonals, slots)
        plan = plan if plan is not None else split(tuple(vectors), slots)
        by_giant: list[list[tuple[int, int]]] = [[] for _ in plan.giants]
        for giant, baby, shift in plan.terms:
            by_giant[giant].append((baby, shift % slots))
        kept = [g for g, terms in enumerate(by_giant) if terms]
        starts = np.cumsum([0, *(len(by_giant[g]) for g in kept)], dtype=np.int64)
        baby_of = np.array([baby for g in kept for baby, _ in by_giant[g]], dtype=np.int64)

        ops, scale = context(params).qp(level), params.scales[level]
        shape = len(ops.moduli), params.N // VECTOR, VECTOR
        encoded = large_array((*shape[:2], len(baby_of), VECTOR))
        terms = ((plan.giants[g], shift) for g in kept for _, shift in by_giant[g])
        for row, (giant, shift) in enumerate(terms):
            rotated = np.roll(_full(vectors[shift], slots), giant)
            residues = encoder.residues(encoder.coefficients(rotated, scale), ops)
            encoded[:, :, row] = residues.reshape(shape)
        giants = tuple(plan.giants[g] % slots for g in kept)
        babies = tuple(step % slots for step in plan.babies)
        return cls(params, level, babies, giants, starts, baby_of, encoded)

    @functools.cached_property
    def diagonals(self) -> np.ndarray:
        """A copy of the diagonals, (terms, limbs_QP, N), transformed."""
        terms = np.moveaxis(self.weights, 2, 0)
        return large_copy(terms).reshape(*terms.shape[:2], self.params.N)

    @property
    def needs(self) -> KeyNeeds:
        """The Galois keys that `apply` uses."""
        N = self.params.N
        steps = {*self.babies, *self.giants} - {0}
        return KeyNeeds(galois={galois.element_of_rotation(k, N): self.level for k in steps})


def _check_level(level: int, params: CKKSParameters) -> None:
    if level < 1:
        raise LevelExhaustedError(
            f"a linear transform rescales, so it cannot be encoded for level {level}: at least "
            f"level 1 is needed"
        )
    if level > params.max_level:
        raise LevelMismatchError(f"level {level} is above the highest, {params.max_level}")


def _vectors_by_shift(
    diagonals: Mapping[int, np.ndarray], slots: int
) -> dict[int, np.ndarray]:
    """The diagonals by their shifts in [0, slots)."""
    if not diagonals:
        raise ParameterError("a linear transform needs at least one diagonal")
    vectors = {shift % slots: np.asarray(v) for shift, v in diagonals.items()}
    if len(vectors) != len(diagonals):
        raise ParameterError(f"two diagonals have the same shift modulo {slots}")
    return vectors


def _full(vector: np.ndarray, slots: int) -> np.ndarray:
    if vector.ndim != 1 or vector.size > slots or vector.dtype.kind not in "biufc":
        raise EncodingError(
            f"a diagonal is {vector.dtype} of shape {vector.shape}: a vector of at most {slots} "
            f"numbers is needed"
        )
    full = np.zeros(slots, dtype=np.result_type(vector, np.float64))
    full[: vector.size] = vector
    return full
