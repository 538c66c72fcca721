"""The encoded diagonals of a linear map: what its baby steps and its giant steps both read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals, weight_rows
from he.ckks.encoding.encoder import Encoder
from he.ckks.params import CKKSParameters
from he.errors import LevelExhaustedError, LevelMismatchError, ParameterError
from he.rlwe import galois
from he.rlwe.array_checks import check_array, check_below
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.params import whole_numbers
from he.rlwe.rns import context
from he.rlwe.unchecked import Unchecked
from he.validation import instance, real_number, whole_number
from ntt.hoisting import run_of, weights_shape
from ntt.memory import large_array, large_copy

_INT64 = np.dtype(np.int64)

D = TypeVar("D", bound="EncodedDiagonals")


@dataclass(frozen=True, eq=False)
class EncodedDiagonals(Unchecked):
    """The diagonals of a linear map, encoded for ciphertexts at `level`.

    They are grouped by giant step: those of giant g are rows ``starts[g] .. starts[g + 1]``, each
    to be multiplied by baby step ``baby_of[row]`` and already rotated by minus the giant step. They
    are kept as weights in the order in which they are read. Where all diagonals repeat every N / 2r
    slots, their transforms take N / r values, each r times in a row, and those values are kept:
    (limbs of QP, N / max(r, 8), terms, max(8 / r, 1)), the `weights_shape` of r.

    factor: the scale of the weights, None for that of the level: `CKKSParameters.factor_scale`
    where ciphertexts come at another scale than the canonical one, such as squares that were not
    rescaled. mirrored: all diagonals are real, so that the values of their transforms read the same
    backwards, and only the first half of them is kept. divided: the baby steps are divided by P
    before the products, so that weights have the limbs of Q and none of P: less to encode, to keep
    and to read where diagonals are many, and one more rounding for each baby step.

    Raises `ParameterError` for arrays that do not fit one another, the level or the parameter set.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: np.ndarray
    baby_of: np.ndarray
    weights: np.ndarray
    factor: float | None = None
    mirrored: bool = False
    divided: bool = False

    def __post_init__(self) -> None:
        instance(self.params, CKKSParameters, "the parameter set of a linear transform")
        object.__setattr__(self, "level", _checked_level(self.level, self.params))
        for name in ("babies", "giants"):
            object.__setattr__(self, name, whole_numbers(getattr(self, name), name))
        terms, sums = np.size(self.baby_of), len(self.giants)
        check_array(self.starts, (sums + 1,), "starts", _INT64)
        if self.factor is not None:
            object.__setattr__(self, "factor", real_number(self.factor, "factor"))
        check_array(self.baby_of, (terms,), "baby_of", _INT64)
        bounds = [0, *self.starts.tolist(), terms]
        babies = self.baby_of
        inside = terms and babies.min() >= 0 and babies.max() < len(self.babies)
        if bounds != sorted(bounds) or bounds[1] or bounds[-2] != terms or not inside:
            raise ParameterError(
                f"starts {self.starts} and baby_of {babies} name no {terms} terms of {sums} giant "
                f"and {len(self.babies)} baby steps"
            )
        instance(self.divided, bool, "divided")
        ring = context(self.params)
        moduli = ring.limbs(weight_rows(self.params, self.level, self.divided)).moduli
        instance(self.mirrored, bool, "mirrored")
        shape = weights_shape(len(moduli), self.params.N, terms, self._run, self.mirrored)
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
        *,
        divided: bool = False,
    ) -> Self:
        """Encode {shift: vector of N/2 slots} for use at `level`, on all threads.

        plan: how shifts split into baby and giant steps; None finds a cheap one. divided: see
        above. Raises
        `LevelExhaustedError` at level 0, `EncodingError` for bad vectors or values that the level
        does not hold, `ParameterError` for a plan of other shifts.
        """
        params = instance(encoder, Encoder, "the encoder").params
        level = _checked_level(level, params)
        divided = instance(divided, bool, "divided")
        arranged = ArrangedDiagonals.of(params, diagonals, level, plan, None, divided)
        return encoded(cls, arranged, encoder)

    @property
    def scale(self) -> float:
        """The scale of the weights."""
        return self.params.scales[self.level] if self.factor is None else self.factor

    @property
    def period(self) -> int:
        """A number of slots with which all diagonals repeat."""
        return self.params.slots // self._run

    @functools.cached_property
    def diagonals(self) -> np.ndarray:
        """A copy of the diagonals, (terms, limbs of the weights, N), transformed."""
        terms = large_copy(np.moveaxis(self.weights, 2, 0))
        shape, N = terms.shape[:2], self.params.N
        out = large_array((*shape, N))
        there = out[..., : N >> self.mirrored].reshape(*shape, -1, self._run)
        np.copyto(there, terms.reshape(*shape, -1, 1))
        if self.mirrored:
            np.copyto(out[..., N // 2 :], out[..., N // 2 - 1 :: -1])
        return out

    @property
    def _run(self) -> int:
        """How often each value of a transformed diagonal repeats in a row."""
        try:
            return run_of(self.weights, self.params.N, self.mirrored)
        except (AttributeError, ValueError):  # no weights: the check of their shape says so
            return 1

    @property
    def needs(self) -> KeyNeeds:
        """The Galois keys that `apply` uses."""
        steps = {*self.babies, *self.giants} - {0}
        return KeyNeeds(galois={self.element(k): self.level for k in steps})

    def element(self, step: int) -> int:
        """The Galois element of a baby step or a giant step."""
        return galois.element_of_rotation(step, self.params.N)


def encoded(
    kind: type[D],
    arranged: ArrangedDiagonals,
    encoder: Encoder,
    advance: Callable[[int], object] | None = None,
    memory: np.ndarray | None = None,
) -> D:
    """Arranged diagonals as a `kind` of encoded diagonals.

    advance: as in `ArrangedDiagonals.encode`. memory: words for the weights, uint64
    (`weight_bytes` / 8,), which may not be used otherwise while the result is; None takes new
    memory.
    """
    weights = large_array(arranged.shape) if memory is None else memory.reshape(arranged.shape)
    arranged.encode(weights, encoder, advance)
    return with_weights(kind, arranged, weights)


def with_weights(kind: type[D], arranged: ArrangedDiagonals, weights: np.ndarray) -> D:
    """Arranged diagonals with their weights, which are trusted, as a `kind` of encoded diagonals.

    The weights cannot be written from then on.
    """
    weights.setflags(write=False)
    return kind.unchecked(
        params=arranged.params,
        level=arranged.level,
        babies=arranged.babies,
        giants=arranged.giants,
        starts=arranged.starts,
        baby_of=arranged.baby_of,
        weights=weights,
        factor=arranged.factor,
        mirrored=arranged.mirrored,
        divided=arranged.divided,
    )


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
