"""Arithmetic in a residue number system as instructions: exactly the steps of `he.rlwe.rns`.

A polynomial is the array of the values of its limbs. Rows are indices of all primes: those of q,
then the special ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from accel_model.isa import Opcode, Phase
from accel_model.lowering.builder import ProgramBuilder, Values
from he.trace import Level


class RNSLowering:
    """Emits key switching and divisions for the chain of primes q, p."""

    def __init__(
        self,
        builder: ProgramBuilder,
        q: Sequence[int],
        p: Sequence[int],
        levels: Sequence[Level],
    ) -> None:
        self.builder = builder
        self.moduli = (*q, *p)
        self.levels = levels
        self._first_special = len(q)

    def q_rows(self, level: int) -> np.ndarray:
        """The rows of Q at `level`."""
        return np.array(self.levels[level].rows)

    def special_rows(self, level: int) -> np.ndarray:
        """The rows of the special primes at `level`."""
        return self._first_special + np.array(self.levels[level].specials)

    def special_modulus(self, level: int) -> int:
        """P, the product of the special primes at `level`."""
        return math.prod(self.moduli[r] for r in self.special_rows(level))

    def qp_rows(self, level: int) -> np.ndarray:
        """The rows of QP at `level`."""
        return np.concatenate((self.q_rows(level), self.special_rows(level)))

    def residues(self, value: int, rows: np.ndarray) -> np.ndarray:
        """A whole number modulo the prime of each row, uint64 (rows,)."""
        return np.array([value % self.moduli[r] for r in rows], dtype=np.uint64)

    def decompose(self, c: Values, level: int) -> list[Values]:
        """The digits of c, centred, each in QP (Han and Ki, CT-RSA 2020, section 3)."""
        emit, rows = self.builder.emit, self.q_rows(level)
        self.builder.phase = Phase.DECOMPOSE
        groups = [np.array(digit) for digit in self.levels[level].digits]
        weights = [crt_weights([self.moduli[r] for r in rows[own]]) for own in groups]
        terms = emit(Opcode.INTT, rows, c)
        if len(groups[0]) > 1:
            inverses = [inverse for of_group, _ in weights for inverse in of_group]
            terms = emit(Opcode.MULSCALAR, rows, terms, scalar=np.array(inverses, dtype=np.uint64))
        halves = [self.moduli[r] // 2 for r in rows]
        terms = emit(Opcode.ADDSCALAR, rows, terms, scalar=np.array(halves, dtype=np.uint64))
        everywhere = self.qp_rows(level)
        digits = []
        for own, (_, cofactors) in zip(groups, weights, strict=True):
            shift = sum(halves[r] * k for r, k in zip(own, cofactors, strict=True))
            others = np.isin(np.arange(len(everywhere)), own, invert=True)
            targets = everywhere[others]
            digit = np.empty(len(everywhere), dtype=np.int32)
            digit[own] = c[own]
            lifted = self.convert(terms[own], cofactors, -shift, targets)
            digit[others] = emit(Opcode.NTT, targets, lifted)
            digits.append(digit)
        return digits

    def convert(
        self,
        sources: Values,
        weights: Sequence[int],
        offset: int,
        targets: np.ndarray,
        factors: Mapping[int, int] | None = None,
    ) -> Values:
        """(sum_s weights[s] sources[s] + offset) factors[r] modulo the prime of each row r of
        `targets`; the factors are 1 by default.
        """
        total: Values | None = None
        scale = factors or dict.fromkeys(targets.tolist(), 1)
        of_row = np.array([scale[r] for r in targets.tolist()], dtype=object)
        for source, weight in zip(sources, weights, strict=True):
            given = [np.full(len(targets), source)] + ([] if total is None else [total])
            addend = self._scaled(offset, of_row, targets) if total is None else 0
            scalar = self._scaled(weight, of_row, targets)
            total = self.builder.emit(
                Opcode.CONVERT, targets, *given, scalar=scalar, addend=addend
            )
        assert total is not None
        return total

    def divide(
        self, x: Values, rows: np.ndarray, dropped: int, coming: np.ndarray | None = None
    ) -> Values:
        """round(x K / D): D is the product of the primes of the last `dropped` rows, K that of the
        rows that come.
        """
        emit = self.builder.emit
        self.builder.phase = Phase.DIVIDE
        kept, lost = rows[:-dropped], rows[-dropped:]
        moduli = [self.moduli[r] for r in lost]
        D = math.prod(moduli)
        half = D // 2
        more = np.array([], dtype=np.int64) if coming is None else coming
        K = math.prod(self.moduli[r] for r in more)
        inverses, weights = crt_weights(moduli)
        sources = emit(Opcode.INTT, lost, x[-dropped:])
        of_lost = np.array(inverses, dtype=object)
        if K > 1:
            scalar = self._scaled(K, of_lost, lost)
            sources = emit(Opcode.MULSCALAR, lost, sources, scalar=scalar)
            scalar = self._scaled(half, of_lost, lost)
            sources = emit(Opcode.ADDSCALAR, lost, sources, scalar=scalar)
        else:
            sources = emit(Opcode.ADDSCALAR, lost, sources, scalar=self.residues(half, lost))
            if dropped > 1:
                scalar = np.array(inverses, dtype=np.uint64)
                sources = emit(Opcode.MULSCALAR, lost, sources, scalar=scalar)
        if dropped > 1:
            sources = np.append(sources, self._overflow_count(sources, lost))
            weights = (*weights, -D)
        parts = []
        if len(kept):
            factors = [K * pow(D, -1, q) % q for q in (self.moduli[r] for r in kept)]
            inverse = {r: pow(K, -1, self.moduli[r]) for r in kept}
            lifted = emit(Opcode.NTT, kept, self.convert(sources, weights, -half, kept, inverse))
            difference = emit(Opcode.SUB, kept, x[:-dropped], lifted)
            scalar = np.array(factors, dtype=np.uint64)
            parts.append(emit(Opcode.MULSCALAR, kept, difference, scalar=scalar))
        if len(more):
            over = {r: pow(-D, -1, self.moduli[r]) for r in more.tolist()}
            quotients = self.convert(sources, weights, -half, more, over)
            parts.append(emit(Opcode.NTT, more, quotients))
        return np.concatenate(parts)

    def _scaled(self, value: int, factors: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """value factors[r] modulo the prime of each row r, uint64 (rows,)."""
        moduli = np.array([self.moduli[r] for r in rows], dtype=object)
        scaled: np.ndarray = (value * factors % moduli).astype(np.uint64)
        return scaled

    def _overflow_count(self, sources: Values, rows: np.ndarray) -> Values:
        total: list[Values] = []
        for source, row in zip(sources, rows, strict=True):
            reciprocal = np.array([1 / self.moduli[row]]).view(np.uint64)
            given = np.array([source])
            total = [
                self.builder.emit(
                    Opcode.FRACTION, np.array([row]), given, *total, scalar=reciprocal
                )
            ]
        return self.builder.emit(Opcode.FLOOR, rows[-1:], *total)

    def gadget_product(
        self, digits: Sequence[Values], key: np.ndarray, rows: np.ndarray
    ) -> Values:
        """sum_j digits[j] key[j], (2, limbs_QP), for a key of values (dnum, 2, limbs_QP)."""
        self.builder.phase = Phase.KEY_PRODUCT
        pairs = [(digit, half) for digit, half in zip(digits, key, strict=False)]
        return np.stack(
            [self.sum_of_products([(d, h[part]) for d, h in pairs], rows) for part in range(2)]
        )

    def sum_of_products(
        self, terms: Sequence[tuple[Values, Values]], rows: np.ndarray
    ) -> Values:
        """The sum of a b over the terms (a, b)."""
        (a, b), *others = terms
        total = self.builder.emit(Opcode.MUL, rows, a, b)
        for a, b in others:
            total = self.builder.emit(Opcode.MULADD, rows, a, b, total)
        return total

    def special_multiple(self, c: Values, level: int) -> Values:
        """P c in QP; 0 modulo the special primes."""
        rows = self.q_rows(level)
        self.builder.phase = Phase.KEY_PRODUCT
        scaled = self.builder.emit(
            Opcode.MULSCALAR, rows, c, scalar=self.residues(self.special_modulus(level), rows)
        )
        return np.concatenate((scaled, self.builder.zeros(self.special_rows(level))))

    def add_special_multiple(self, accumulator: Values, c: Values, level: int) -> Values:
        """accumulator + P c in QP."""
        rows = self.q_rows(level)
        self.builder.phase = Phase.KEY_PRODUCT
        scaled = self.builder.emit(
            Opcode.MULSCALAR, rows, c, scalar=self.residues(self.special_modulus(level), rows)
        )
        total = accumulator.copy()
        limbs = len(rows)
        total[:limbs] = self.builder.emit(Opcode.ADD, rows, accumulator[:limbs], scaled)
        return total

    def mod_down(self, x: Values, level: int) -> Values:
        """round(x / P), from QP to Q."""
        return self.divide(x, self.qp_rows(level), len(self.special_rows(level)))

    def raised(self, x: Values, level: int, higher: int) -> Values:
        """The centred coefficients of x modulo Q at `level`, in Q at a higher level: the steps of
        `he.rlwe.raising`.
        """
        emit, rows, targets = self.builder.emit, self.q_rows(level), self.q_rows(higher)
        self.builder.phase = Phase.RAISE
        moduli = [self.moduli[r] for r in rows]
        Q = math.prod(moduli)
        half = Q // 2
        inverses, weights = crt_weights(moduli)
        terms = emit(Opcode.INTT, rows, x)
        if len(rows) > 1:
            scalar = np.array(inverses, dtype=np.uint64)
            terms = emit(Opcode.MULSCALAR, rows, terms, scalar=scalar)
        scalar = self._scaled(half, np.array(inverses, dtype=object), rows)
        terms = emit(Opcode.ADDSCALAR, rows, terms, scalar=scalar)
        if len(rows) > 1:
            terms = np.append(terms, self._overflow_count(terms, rows))
            weights = (*weights, -Q)
        return emit(Opcode.NTT, targets, self.convert(terms, weights, -half, targets))

    def rescale(self, x: Values, level: int, lower: int) -> Values:
        """round(x Q_lower / Q_level)."""
        return self._change(x, level, lower, self.q_rows(level))

    def mod_down_rescale(self, x: Values, level: int) -> Values:
        """round(x Q_(level - 1) / (P Q_level)), from QP to Q one level below."""
        return self._change(x, level, level - 1, self.qp_rows(level))

    def _change(self, x: Values, level: int, lower: int, rows: np.ndarray) -> Values:
        shared = self.levels[level].shared(self.levels[lower])
        return self.divide(x, rows, len(rows) - shared, self.q_rows(lower)[shared:])

    def permute(self, x: Values, rows: np.ndarray, element: int) -> Values:
        """x(X^element) of every part of x, (.., limbs)."""
        self.builder.phase = Phase.AUTOMORPHISM
        parts = x.reshape(-1, len(rows))
        images = [
            self.builder.emit(Opcode.PERMUTE, rows, part, element=element) for part in parts
        ]
        return np.stack(images).reshape(x.shape)


@functools.lru_cache(maxsize=1024)
def _crt_weights(moduli: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    product = math.prod(moduli)
    cofactors = tuple(product // d for d in moduli)
    return tuple(pow(c, -1, d) for c, d in zip(cofactors, moduli, strict=True)), cofactors


def crt_weights(moduli: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(D / d_j)^-1 mod d_j, and D / d_j, where D is the product of the moduli d_j."""
    return _crt_weights(tuple(moduli))
