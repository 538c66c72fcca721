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
from he.rlwe.array_checks import array_of, check_array, check_below
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.params import whole_numbers
from he.rlwe.rns import context
from he.rlwe.unchecked import Unchecked
from he.validation import instance, whole_number
from ntt.hoisting import VECTOR
from ntt.memory import large_array, large_copy

_INT64 = np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class EncodedDiagonals(Unchecked):
    """The diagonals of a linear map, encoded for ciphertexts at `level`.

    They are grouped by giant step: those of giant g are rows ``starts[g] .. starts[g + 1]``, each
    to be multiplied by baby step ``baby_of[row]`` and already rotated by minus the giant step. They
    are kept as weights (limbs_QP, N / 8, terms, 8), in the order in which they are read.

    Raises `ParameterError` for arrays that do not fit one another, the level or the parameter set.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: np.ndarray
    baby_of: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        instance(self.params, CKKSParameters, "the parameter set of a linear transform")
        object.__setattr__(self, "level", _checked_level(self.level, self.params))
        for name in ("babies", "giants"):
            object.__setattr__(self, name, whole_numbers(getattr(self, name), name))
        terms, sums = np.size(self.baby_of), len(self.giants)
        check_array(self.starts, (sums + 1,), "starts", _INT64)
        check_array(self.baby_of, (terms,), "baby_of", _INT64)
        bounds = [0, *self.starts.tolist(), terms]
        babies = self.baby_of
        inside = terms and babies.min() >= 0 and babies.max() < len(self.babies)
        if bounds != sorted(bounds) or bounds[1] or bounds[-2] != terms or not inside:
            raise ParameterError(
                f"starts {self.starts} and baby_of {babies} name no {terms} terms of {sums} giant "
                f"and {len(self.babies)} baby steps"
            )
        moduli = context(self.params).qp(self.level).moduli
        shape = (len(moduli), self.params.N // VECTOR, terms, VECTOR)
        check_array(self.weights, shape, "the weights of a linear transform")
        check_below(self.weights.reshape(len(moduli), -1), moduli, "a linear transform")
        self.weights.setflags(write=False)

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
        `LevelExhaustedError` at level 0, `EncodingError` for bad vectors or values that the level
        does not hold, `ParameterError` for a plan of other shifts.
        """
        params = instance(encoder, Encoder, "the encoder").params
        level = _checked_level(level, params)
        slots = params.slots
        vectors = _vectors_by_shift(diagonals, slots)
        plan = split(tuple(vectors), slots) if plan is None else plan
        _check_plan(plan, vectors, slots)
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
            residues = encoder.residues(encoder.coefficients(rotated, scale), level, ops)
            encoded[:, :, row] = residues.reshape(shape)
        giants = tuple(plan.giants[g] % slots for g in kept)
        babies = tuple(step % slots for step in plan.babies)
        encoded.setflags(write=False)
        return cls.unchecked(
            params=params,
            level=level,
            babies=babies,
            giants=giants,
            starts=starts,
            baby_of=baby_of,
            weights=encoded,
        )

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


def _checked_level(level: int, params: CKKSParameters) -> int:
    level = whole_number(level, "the level of a linear transform")
    if level < 1:
        raise LevelExhaustedError(
            f"a linear transform rescales, so it cannot be encoded for level {level}: at least "
            f"level 1 is needed"
        )
    if level > params.max_level:
        raise LevelMismatchError(f"level {level} is above the highest, {params.max_level}")
    return level


def _check_plan(plan: BabyGiant, vectors: Mapping[int, np.ndarray], slots: int) -> None:
    """Raise `ParameterError` unless a plan is of these shifts: others would be lost in silence."""
    instance(plan, BabyGiant, "the plan")
    for giant, baby, shift in plan.terms:
        known = 0 <= giant < len(plan.giants) and 0 <= baby < len(plan.babies)
        if not known or (plan.giants[giant] + plan.babies[baby] - shift) % slots:
            raise ParameterError(f"the plan's term {(giant, baby, shift)} is no sum of its steps")
    planned = sorted(shift % slots for _, _, shift in plan.terms)
    if planned != sorted(vectors):
        raise ParameterError(
            f"the plan is of {len(planned)} shifts, which are not the {len(vectors)} shifts of the "
            f"diagonals modulo {slots}: make it with `split` of them"
        )


def _vectors_by_shift(
    diagonals: Mapping[int, np.ndarray], slots: int
) -> dict[int, np.ndarray]:
    """The diagonals by their shifts in [0, slots)."""
    if not instance(diagonals, Mapping, "what a linear transform encodes, {shift: vector},"):
        raise ParameterError("a linear transform needs at least one diagonal")
    vectors = {
        whole_number(shift, "a shift") % slots: array_of(v) for shift, v in diagonals.items()
    }
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
