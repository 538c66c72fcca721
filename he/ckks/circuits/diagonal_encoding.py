"""Diagonals to weights: encoded at the period with which all of them repeat, on all threads.

Slots that repeat with a period p are a polynomial in X^g, g = N / (2 p). Its transform takes N / g
values, each g times in a row. Those are computed in the ring of degree N / g and stored once. Real
slots are a polynomial p(X) = p(1/X), whose values read the same backwards: the first half of them
is computed in a ring of half the degree and stored (`ntt.NTTTables.mirrored`).
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant, split
from he.ckks.encoding.embedding import embedded_period, embedding
from he.ckks.encoding.encoder import Encoder, finite_coefficients
from he.ckks.encoding.rounding import recomposition, shifted_digits
from he.ckks.params import CKKSParameters
from he.errors import EncodingError, ParameterError
from he.rlwe.array_checks import array_of
from he.rlwe.rns import context
from he.validation import instance, whole_number
from ntt import threads
from ntt.cpu import cpu_features
from ntt.hoisting import weights_shape
from ntt.kernels import KernelModule
from ntt.workspace import workspace

_kernels = KernelModule("he.ckks.encoding.encoder_kernels")
_lines = KernelModule("he.ckks.encoding.interleave_kernels")

_TERMS = 8
"""Diagonals that are encoded together: a run of as many words is written at once."""

_INT32 = 2.0**31

_TILE_BYTES = 4 << 20

_LINE_WORDS = 8

_LEAST_MIRRORED = 128
"""The least period of diagonals of which half of the weights is kept: every backend transforms in a
ring of this degree.
"""


@dataclass(frozen=True, eq=False)
class ArrangedDiagonals:
    """The diagonals of a linear map in the order in which they are encoded and read.

    babies, giants, starts, baby_of: the fields of `EncodedDiagonals`. vectors: the diagonal of each
    row, which is encoded rotated by minus the step of its giant. period: a number of slots with
    which all diagonals repeat. mirrored, factor, divided: as in `EncodedDiagonals`. whole: what
    `rounded` keeps of the vectors, which are then empty.
    """

    params: CKKSParameters
    level: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: np.ndarray
    baby_of: np.ndarray
    vectors: tuple[np.ndarray, ...]
    period: int
    mirrored: bool
    factor: float | None = None
    divided: bool = False
    whole: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        params: CKKSParameters,
        diagonals: Mapping[int, np.ndarray],
        level: int,
        plan: BabyGiant | None = None,
        factor: float | None = None,
        divided: bool = False,
    ) -> Self:
        """The diagonals {shift: vector of N/2 slots}; plan: None finds a cheap one. factor: the
        scale of the weights, None for that of the level.

        Raises `EncodingError` for what is no vector of numbers, `ParameterError` for a plan of
        other shifts.
        """
        slots = params.slots
        by_shift = _vectors_by_shift(diagonals, slots)
        plan = split(tuple(by_shift), slots) if plan is None else plan
        _check_plan(plan, by_shift, slots)
        by_giant: list[list[tuple[int, int]]] = [[] for _ in plan.giants]
        for giant, baby, shift in plan.terms:
            by_giant[giant].append((baby, shift % slots))
        kept = [g for g, terms in enumerate(by_giant) if terms]
        period = common_period(params.N, tuple(by_shift.values()))
        real = all(vector.dtype.kind != "c" for vector in by_shift.values())
        return cls(
            params,
            level,
            tuple(step % slots for step in plan.babies),
            tuple(plan.giants[g] % slots for g in kept),
            np.cumsum([0, *(len(by_giant[g]) for g in kept)], dtype=np.int64),
            np.array([baby for g in kept for baby, _ in by_giant[g]], dtype=np.int64),
            tuple(by_shift[shift] for g in kept for _, shift in by_giant[g]),
            period,
            real and period >= _LEAST_MIRRORED,
            factor,
            divided,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the weights."""
        limbs = len(self._rows)
        run = self.params.slots // self.period
        return weights_shape(limbs, self.params.N, self.baby_of.size, run, self.mirrored)

    @property
    def _rows(self) -> tuple[int, ...]:
        """The rows of the primes of the weights."""
        return weight_rows(self.params, self.level, self.divided)

    @property
    def weight_bytes(self) -> int:
        """The size of the weights."""
        return 8 * math.prod(self.shape)

    @functools.cached_property
    def digest(self) -> bytes:
        """32 bytes that tell whether weights are those of these diagonals, before `rounded`."""
        assert self.whole is None
        digest = hashlib.blake2b(self.params.id, digest_size=32, person=b"he-accel weights")
        order: tuple[object, ...] = (self.level, self.period, self.babies, self.giants)
        if self.factor is not None:
            order = (*order, self.factor.hex())
        if self.divided:
            order = (*order, "divided")
        digest.update(repr((*order, self.starts.tolist(), self.baby_of.tolist())).encode())
        for vector in self.vectors:
            slots = _one_period(vector, self.period)
            digest.update(slots.dtype.str.encode())
            digest.update(slots.data)
        return digest.digest()

    def encode(
        self,
        out: np.ndarray,
        encoder: Encoder,
        advance: Callable[[int], object] | None = None,
    ) -> None:
        """out (`shape`) = the weights.

        advance: called with a number of diagonals as they are done, from any thread. Raises
        `EncodingError` for values that are not finite or that the level does not hold.
        """

        def work(lo: int, hi: int) -> None:
            for first in range(lo, hi, _TERMS):
                last = min(first + _TERMS, hi)
                coefficients = np.empty((last - first, self._coefficients))
                self._fill(coefficients, first)
                self._encode_terms(out, encoder, coefficients, first)
                if advance is not None:
                    advance(last - first)

        threads.split(out.shape[2], work)

    def rounded(self) -> Self:
        """The same diagonals as whole coefficients, from which `encode` makes the same weights.

        They take 4 bytes a coefficient and period instead of 8 a slot, and no embedding each time.
        Raises `EncodingError` for values that are not finite. Where 32 bits do not hold a
        coefficient, all stay as they are.
        """
        if self.whole is not None:
            return self
        coefficients = np.empty((self.baby_of.size, self._coefficients))
        threads.split(len(coefficients), lambda lo, hi: self._fill(coefficients[lo:hi], lo))
        np.rint(coefficients, out=coefficients)
        if not np.abs(coefficients).max(initial=0.0) < _INT32:
            return self
        return replace(self, vectors=(), whole=coefficients.astype(np.int32))

    @property
    def _coefficients(self) -> int:
        """How many coefficients a diagonal is encoded from."""
        return self.period if self.mirrored else 2 * self.period

    def _fill(self, coefficients: np.ndarray, first: int) -> None:
        """coefficients (rows, `_coefficients`) = those of the diagonals from `first` on."""
        rows = range(first, first + len(coefficients))
        if self.whole is not None:
            np.copyto(coefficients, self.whole[first : rows.stop])
            return
        scale = self.params.scales[self.level] if self.factor is None else self.factor
        embed = embedding(2 * self.period)
        giants = np.searchsorted(self.starts, rows, side="right") - 1
        for row, giant, target in zip(rows, giants.tolist(), coefficients, strict=True):
            slots = np.roll(_one_period(self.vectors[row], self.period), self.giants[giant])
            np.copyto(target, finite_coefficients(embed, slots, scale)[: target.size])

    def _encode_terms(
        self, out: np.ndarray, encoder: Encoder, coefficients: np.ndarray, first: int
    ) -> None:
        """The weights of some diagonals, from `first` on, a few limbs at a time.

        So many diagonals at once that whole runs of words are written, and so few limbs that they
        stay in a cache.
        """
        ring, (limbs, rows, _, lanes) = context(self.params), out.shape
        primes, count = self._rows, len(coefficients)
        largest = encoder.checked_largest(coefficients, self.level)
        digits = shifted_digits(coefficients, largest, mirrored=self.mirrored)
        together = max(1, _TILE_BYTES // (8 * rows * lanes * count))
        kernels = ring.limbs.subring(2 * self.period)
        if self.mirrored:
            kernels = kernels.mirrored()
        for low in range(0, limbs, together):
            high = min(low + together, limbs)
            ops = kernels(primes[low:high])
            change = recomposition(digits.shape[1], ops, mirrored=self.mirrored)
            transformed = workspace("encoded diagonals", (count, high - low, rows * lanes))
            for of_polynomial, target in zip(digits, transformed, strict=True):
                ops.convert_forward(target, of_polynomial, change)
            _interleave(out, transformed, low, first)


def _interleave(out: np.ndarray, transformed: np.ndarray, limb: int, term: int) -> None:
    """`encoder_kernels.interleave`: past the caches where whole cache lines are written."""
    if not _writes_lines(out, len(transformed), term):
        _kernels.interleave(out, transformed, limb, term)
        return
    limbs, (_, rows, terms, lanes) = transformed.shape[1], out.shape
    _lines.interleave_lines(
        out.reshape(-1), transformed.reshape(-1), rows, terms, lanes, limbs, limb, term
    )


def _writes_lines(out: np.ndarray, count: int, term: int) -> bool:
    _, rows, terms, lanes = out.shape
    whole = all(number * lanes % _LINE_WORDS == 0 for number in (terms, count, term))
    aligned = out.ctypes.data % (8 * _LINE_WORDS) == 0 and out.flags.c_contiguous
    fits = lanes in (2, 4) and rows % 4 == 0
    return whole and aligned and fits and "avx512f" in cpu_features()


def common_period(N: int, vectors: Iterable[np.ndarray]) -> int:
    """The least number of slots with which all vectors of N/2 slots repeat and can be encoded."""
    period = embedded_period(N, 1)
    for vector in vectors:
        period = max(period, _repetition(vector, N // 2, period))
    return period


def weight_rows(params: CKKSParameters, level: int, divided: bool) -> tuple[int, ...]:
    """The rows of the primes of weights at a level: those of QP, or of Q behind a division by P."""
    ring = context(params)
    return ring.q_rows(level) if divided else ring.qp_rows(level)


def weight_bytes(
    params: CKKSParameters, level: int, terms: int, period: int, divided: bool = False
) -> int:
    """The size of the weights of real diagonals that repeat with `period` slots, at `level`."""
    limbs, run = len(weight_rows(params, level, divided)), params.slots // period
    shape = weights_shape(limbs, params.N, terms, run, period >= _LEAST_MIRRORED)
    return 8 * math.prod(shape)


def _vectors_by_shift(
    diagonals: Mapping[int, np.ndarray], slots: int
) -> dict[int, np.ndarray]:
    """The diagonals by their shifts in [0, slots)."""
    if not instance(diagonals, Mapping, "what a linear transform encodes, {shift: vector},"):
        raise ParameterError("a linear transform needs at least one diagonal")
    vectors = {
        whole_number(shift, "a shift") % slots: _checked_vector(array_of(v), slots)
        for shift, v in diagonals.items()
    }
    if len(vectors) != len(diagonals):
        raise ParameterError(f"two diagonals have the same shift modulo {slots}")
    return vectors


def _checked_vector(vector: np.ndarray, slots: int) -> np.ndarray:
    if vector.ndim != 1 or vector.size > slots or vector.dtype.kind not in "biufc":
        raise EncodingError(
            f"a diagonal is {vector.dtype} of shape {vector.shape}: a vector of at most {slots} "
            f"numbers is needed"
        )
    return vector


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


def _repetition(vector: np.ndarray, slots: int, least: int) -> int:
    """The least power of two, from `least` on, with which a vector repeats, filled up with 0."""
    if vector.size < slots:
        return slots if vector.any() else least
    period = slots
    while period > least and np.array_equal(vector[: period // 2], vector[period // 2 : period]):
        period //= 2
    return period


def _one_period(vector: np.ndarray, period: int) -> np.ndarray:
    """The first slots, float64 or complex128, filled up with 0."""
    filled = np.zeros(period, dtype=np.complex128 if vector.dtype.kind == "c" else np.float64)
    part = vector[:period]
    filled[: part.size] = part
    return filled
