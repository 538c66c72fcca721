"""Polynomials of a node's value, as a traced module builds them from sums and products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nn.network.layers import FloatArray


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How torch computed a polynomial: an error of at most ``gamma_operations M(|x|)``.

    M has the coefficients `magnitudes`: those of the polynomial with a plus for every minus.
    """

    magnitudes: FloatArray
    operations: int


@dataclass(frozen=True, eq=False)
class SymbolicPolynomial:
    """``sum_k coefficients[k] base^k``: a polynomial of a node's value, not yet a node itself.

    So ``0.5 * x + 0.25 * x ** 2`` becomes one Polynomial. `arrangement` says how torch computes it.
    """

    base: str
    coefficients: FloatArray
    arrangement: Arrangement

    @property
    def is_base(self) -> bool:
        """Whether the polynomial is its base itself."""
        return np.array_equal(self.coefficients, [0.0, 1.0])

    def scaled(self, factor: float) -> SymbolicPolynomial:
        """``factor`` times the polynomial."""
        return self.times(constant(factor))

    def plus(self, other: SymbolicPolynomial) -> SymbolicPolynomial:
        """The sum of two polynomials of one base, or of a polynomial and a number."""
        left, right = self.arrangement, other.arrangement
        operations = max(left.operations, right.operations) + 1
        arrangement = Arrangement(_padded_sum(left.magnitudes, right.magnitudes), operations)
        total = _padded_sum(self.coefficients, other.coefficients)
        return SymbolicPolynomial(self.base or other.base, total, arrangement)

    def times(self, other: SymbolicPolynomial) -> SymbolicPolynomial:
        """The product of two polynomials of one base, or of a polynomial and a number."""
        left, right = self.arrangement, other.arrangement
        operations = left.operations + right.operations + 1
        arrangement = Arrangement(np.convolve(left.magnitudes, right.magnitudes), operations)
        product = np.convolve(self.coefficients, other.coefficients)
        return SymbolicPolynomial(self.base or other.base, product, arrangement)


def base_value(base: str) -> SymbolicPolynomial:
    """The value of the node `base` itself."""
    return SymbolicPolynomial(base, np.array([0.0, 1.0]), Arrangement(np.array([0.0, 1.0]), 0))


def constant(number: float) -> SymbolicPolynomial:
    """A number, which has no base."""
    return SymbolicPolynomial("", np.array([number]), Arrangement(np.array([abs(number)]), 0))


def _padded_sum(first: FloatArray, second: FloatArray) -> FloatArray:
    total = np.zeros(max(len(first), len(second)))
    total[: len(first)] += first
    total[: len(second)] += second
    return total
