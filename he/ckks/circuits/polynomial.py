"""Polynomials as data: coefficients in the power or the Chebyshev basis, and their meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from he.errors import EncodingError, ParameterError
from he.rlwe.array_checks import array_of
from he.validation import items_of, real_number, shown, whole_number, wrong_object

MAX_DEGREE = 1 << 16
"""The largest degree that is interpolated; no parameter set has the levels for more."""

Basis = Literal["power", "chebyshev"]


def depth(degree: int) -> int:
    """Levels that a polynomial of this degree takes: ceil(log2(degree + 1)).

    Degree 1: 1; 2 and 3: 2; 4 to 7: 3; 8 to 15: 4. `Polynomial.depth` knows two exceptions. Raises
    `ParameterError` for a negative degree.
    """
    return whole_number(degree, "degree", 0).bit_length()


class Polynomial:
    """``p(x) = sum_i c_i B_i(x)`` with B_i = x^i, or the Chebyshev polynomial T_i of an interval.

    - `coefficients`: c_0, c_1, .., each a number for all slots or a vector of slots. Trailing zeros
      are dropped.
    - `basis`: "power", or "chebyshev": B_i(x) = T_i((2 x - a - b) / (b - a)).
    - `interval`: (a, b) of the Chebyshev basis.

    Raises `ParameterError` for no, non-finite or misshapen coefficients, or an empty interval.
    """

    def __init__(
        self,
        coefficients: Sequence[Any] | np.ndarray,
        basis: Basis = "power",
        interval: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        if not isinstance(basis, str) or basis not in ("power", "chebyshev"):
            raise ParameterError(f"basis {shown(basis)}: it is 'power' or 'chebyshev'")
        self.basis: Basis = basis
        self.interval = _checked_interval(interval)
        self.coefficients = _checked(coefficients)

    @classmethod
    def interpolate(
        cls,
        function: Callable[[np.ndarray], np.ndarray],
        degree: int,
        interval: tuple[float, float] = (-1.0, 1.0),
    ) -> Polynomial:
        """The polynomial through `function` at the degree + 1 Chebyshev nodes of the interval.

        function: from an array of nodes to an array of as many values. Raises `ParameterError` for
        other values and for a negative degree.
        """
        degree = whole_number(degree, "degree", 0, MAX_DEGREE)
        if not callable(function):
            raise wrong_object(function, "a function", "what is interpolated")
        low, high = _checked_interval(interval)
        nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        values = array_of(function((low + high + (high - low) * nodes) / 2))
        if values.shape != nodes.shape or values.dtype.kind not in "biuf":
            raise ParameterError(
                f"the function gives {values.dtype} of shape {values.shape}: a real value for each "
                f"of {nodes.size} nodes is needed"
            )
        return cls(
            np.polynomial.chebyshev.chebfit(nodes, values, degree), "chebyshev", (low, high)
        )

    @property
    def degree(self) -> int:
        """Index of the last coefficient that is not zero."""
        return len(self.coefficients) - 1

    @property
    def depth(self) -> int:
        """Levels that evaluating it on a ciphertext takes.

        `depth(degree)`; one less where the degree is a power of two and its coefficient the same
        integer in every slot (x^2 + b x + c takes one level); one more for a Chebyshev interval
        whose width is not 2, which has to be mapped to (-1, 1) first.
        """
        mapping = self.basis == "chebyshev" and self.interval[1] - self.interval[0] != 2
        return depth(self.degree) - (self.leading_integer is not None) + mapping

    @property
    def leading_integer(self) -> int | None:
        """The leading coefficient, where it is one integer for all slots and the degree 2^k > 1."""
        leading = self.coefficients[-1]
        if self.degree < 2 or self.degree & (self.degree - 1) or leading.ndim:
            return None
        value = complex(leading)
        return int(value.real) if value.imag == 0 and value.real.is_integer() else None

    def __call__(self, x: Any) -> Any:
        """p(x) in cleartext, element by element (Horner's rule or Clenshaw's recurrence).

        Raises `EncodingError` for what are no numbers.
        """
        given, x = x, array_of(x)
        if x.dtype.kind not in "biufc":
            raise EncodingError(
                f"a polynomial at {shown(given)}: numbers are needed; at ciphertexts "
                f"`he.evaluate_polynomial` evaluates it"
            )
        zero = np.zeros(x.shape, dtype=np.result_type(x, *self.coefficients))
        if self.basis == "power":
            for c in reversed(self.coefficients):
                zero = zero * x + c
            return zero
        low, high = self.interval
        t = (2 * x - low - high) / (high - low)
        ahead, further = zero, zero
        for c in reversed(self.coefficients[1:]):
            ahead, further = 2 * t * ahead - further + c, ahead
        return t * ahead - further + self.coefficients[0]

    def __repr__(self) -> str:
        where = f", interval={self.interval}" if self.basis == "chebyshev" else ""
        return f"Polynomial(degree={self.degree}, basis={self.basis!r}{where})"


def _checked_interval(interval: Sequence[Any]) -> tuple[float, float]:
    ends = items_of(interval, "the interval")
    if len(ends) != 2:
        raise ParameterError(f"an interval of {len(ends)} numbers: two, a < b, are needed")
    low, high = (real_number(end, "an end of the interval") for end in ends)
    if not low < high:
        raise ParameterError(f"interval {(low, high)}: two finite numbers a < b are needed")
    return low, high


def is_zero(c: np.ndarray) -> bool:
    """Whether a coefficient is zero in every slot."""
    return not np.any(c)


def divide(
    coefficients: Sequence[np.ndarray], g: int, basis: Basis
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Quotient and remainder by B_g, for a degree below 2 g.

    In the Chebyshev basis T_i = 2 T_(i-g) T_g - T_(2g-i) for g < i < 2 g.
    """
    rest = list(coefficients[:g])
    quotient = list(coefficients[g:])
    if basis == "chebyshev":
        for i in range(g + 1, len(coefficients)):
            rest[2 * g - i] = rest[2 * g - i] - coefficients[i]
            quotient[i - g] = 2 * coefficients[i]
    return quotient, trimmed(rest)


def trimmed(coefficients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Without the zeros at the end; at least one coefficient stays."""
    kept = list(coefficients)
    while len(kept) > 1 and is_zero(kept[-1]):
        kept.pop()
    return kept


def _checked(coefficients: Sequence[Any] | np.ndarray) -> tuple[np.ndarray, ...]:
    arrays = [np.array(array_of(c)) for c in items_of(coefficients, "the coefficients")]
    if not arrays:
        raise ParameterError("a polynomial needs at least one coefficient")
    for i, c in enumerate(arrays):
        if c.dtype.kind not in "biufc" or c.ndim > 1:
            raise ParameterError(
                f"coefficient {i} is {c.dtype} of shape {c.shape}: a number or one vector of slots "
                f"is needed"
            )
        if not np.isfinite(c).all():
            raise ParameterError(f"coefficient {i} is not finite")
    lengths = {c.size for c in arrays if c.ndim}
    if len(lengths) > 1:
        raise ParameterError(f"coefficient vectors differ in length: {sorted(lengths)}")
    kept = trimmed([c.astype(complex if c.dtype.kind == "c" else float) for c in arrays])
    for c in kept:
        c.setflags(write=False)
    return tuple(kept)
