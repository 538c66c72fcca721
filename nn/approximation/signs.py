"""The sign function as a composition of odd polynomials, of the least depth for a precision.

A polynomial that is 1 - t to 1 + t on [a, 1] leads to the smaller interval [(1 - t) / (1 + t), 1]
after a division by 1 + t, from where the next one goes on. With a composition p of the degrees
{15, 15, 27} the ReLU x (1 + p(x)) / 2 is right to 13 bits on [-1, 1]; one polynomial would need a
degree of a thousand (Lee et al., Minimax approximation of sign function by composite polynomial,
IEEE TDSC 2021).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.polynomial import depth
from nn.approximation.minimax import largest_error, minimax
from nn.errors import ApproximationError
from nn.network.activation import chebyshev_sum
from nn.network.layers import FloatArray

DEEPEST_FACTOR = 5
"""The largest depth of one factor: degree 31."""

MOST_BITS = 14
"""The largest precision that is searched."""

_NEAREST_BITS = 1 / 64
"""How near the reach of `nearest_composite` is to the best one."""

_ROUND = 2.0**-40
_DENSITY = 512
_GRID = 1025
_REACHES = (3.0, 2.5, 2.25, 2.0, 1.75, 1.5, 1.0)


@dataclass(frozen=True, eq=False)
class CompositeSign:
    """``sign(x) ~ p_k(.. p_1(x))`` for ``reach <= |x| <= 1``.

    factors: the coefficients of p_1, p_2, .. in the Chebyshev basis of [-1, 1], all odd; each
    but the last takes [-1, 1] into itself. reach: from where on the approximation holds. error: a
    bound on ``|p(x) - sign(x)|`` there. Nearer to 0, p(x) is between 0 and 1 in size, with the sign
    of x.
    """

    factors: tuple[FloatArray, ...]
    reach: float
    error: float

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degrees of the factors."""
        return tuple(len(factor) - 1 for factor in self.factors)

    @property
    def depth(self) -> int:
        """The levels that the composition takes."""
        return sum(map(depth, self.degrees))

    @functools.cached_property
    def absolute_error(self) -> float:
        """A bound on ``| |x| - x p(x) |`` over [-1, 1].

        Below the reach p rises with x, so that x (1 - p) on [u, v] is at most v (1 - p(u)).
        """
        grid = np.linspace(0.0, self.reach, _GRID)
        below = float((grid[1:] * (1 - self(grid[:-1]))).max())
        return max(self.error, below)

    def __call__(self, x: FloatArray) -> FloatArray:
        """The composition in the clear."""
        flat = np.asarray(x, dtype=np.float64).reshape(-1, 1)
        for factor in self.factors:
            flat = chebyshev_sum(factor, flat)
        return flat.reshape(np.shape(x))


def composite_of(degrees: tuple[int, ...], bits: float) -> CompositeSign:
    """The composition of these odd degrees with the reach 2^-bits.

    Raises `ApproximationError` for an even degree, one below 3, or beyond `MOST_BITS`.
    """
    _check_bits(bits)
    if not degrees or any(degree < 3 or degree % 2 == 0 for degree in degrees):
        raise ApproximationError(f"degrees {degrees}: odd degrees are needed, of 3 or more")
    reach = start = 2.0**-bits
    factors = []
    for degree in degrees[:-1]:
        factor, error = _factor(degree, start)
        factors.append(factor / (1 + error))
        start = _next(error)
    last, error = _factor(degrees[-1], start)
    return CompositeSign((*factors, last), reach, error)


@functools.cache
def nearest_composite(degrees: tuple[int, ...]) -> CompositeSign:
    """The composition p of these odd degrees whose ``x p(x)`` is nearest to ``|x|`` on [-1, 1].

    A larger reach makes the error beyond it smaller, and that below it larger: where the two are
    equal, both are least. Raises `ApproximationError` for an even degree, one below 3, or one that
    is too high.
    """
    high, low = float(MOST_BITS), 0.0
    found = composite_of(degrees, high)
    while high - low > _NEAREST_BITS:
        middle = (low + high) / 2
        trial = composite_of(degrees, middle)
        if trial.absolute_error < found.absolute_error:
            found = trial
        # The larger of the two errors says on which side of the best reach this one is.
        if trial.error >= trial.absolute_error:
            high = middle
        else:
            low = middle
    return found


@functools.cache
def shortest_composite(bits: float) -> CompositeSign:
    """The composition p of the least depth with ``| |x| - x p(x) | <= 2^-bits`` on [-1, 1].

    Of equal depths the one with the smallest error, and then the lowest degrees that still suffice.
    Raises `ApproximationError` beyond `MOST_BITS`.
    """
    _check_bits(bits)
    wanted = 2.0**-bits
    found: CompositeSign | None = None
    # x (1 - p) is largest at about half the reach, where it is a fourth of the reach.
    for more in _REACHES:
        if bits - more <= 0:
            continue
        deepest = 8 * MOST_BITS if found is None else found.depth
        candidate = _shortest(bits - more, wanted, deepest)
        if candidate is None:
            continue
        better = found is None or candidate.depth < found.depth
        if better or (found and candidate.absolute_error < found.absolute_error):
            found = candidate
    if found is None:
        raise ApproximationError(f"no composition comes within 2^-{bits} of the absolute value")
    return composite_of(_lowered(found.degrees, found.reach, wanted), -math.log2(found.reach))


def _shortest(reach_bits: float, wanted: float, deepest: int) -> CompositeSign | None:
    """The composition of the least depth with this error from the reach 2^-reach_bits on."""
    # reached[d]: the interval [start, 1] that d levels lead to at best, and by which degrees.
    reached: dict[int, tuple[float, tuple[int, ...]]] = {0: (2.0**-reach_bits, ())}
    for total in range(2, deepest + 1):
        best: tuple[float, tuple[int, ...]] | None = None
        for levels in range(DEEPEST_FACTOR, 1, -1):
            if total - levels not in reached:
                continue
            before, degrees = reached[total - levels]
            degree = 2**levels - 1
            _, error = _factor(degree, before)
            if error < 1 - _ROUND and (best is None or error < best[0] * (1 - 1e-9)):
                best = error, (*degrees, degree)
        if best is None:
            continue
        reached[total] = _next(best[0]), best[1]
        if best[0] <= wanted:
            candidate = composite_of(best[1], reach_bits)
            if candidate.absolute_error <= wanted:
                return candidate
    return None


def _lowered(degrees: tuple[int, ...], reach: float, wanted: float) -> tuple[int, ...]:
    """Lower degrees of the same depth that still suffice; the last factor is lowered first."""
    kept = list(degrees)
    for index in reversed(range(len(kept))):
        while kept[index] > 3 and depth(kept[index] - 2) == depth(kept[index]):
            trial = (*kept[:index], kept[index] - 2, *kept[index + 1 :])
            if composite_of(trial, -math.log2(reach)).absolute_error > wanted:
                break
            kept[index] -= 2
    return tuple(kept)


def _check_bits(bits: float) -> None:
    if not 0 < bits <= MOST_BITS:
        raise ApproximationError(f"{bits} bits: more than 0 and at most {MOST_BITS} are possible")


@functools.lru_cache(maxsize=4096)
def _factor(degree: int, start: float) -> tuple[FloatArray, float]:
    """The best odd polynomial for 1 on [start, 1], and a bound on its error there.

    Its error is largest at (degree + 3) / 2 points, all but the two ends of which are zeros of the
    derivative. With those of [-1, -start] the derivative has no more: below `start` the polynomial
    rises from 0 to less than 1.
    """
    coefficients = minimax(np.ones_like, degree, low=start, parity="odd")
    error = largest_error(np.ones_like, coefficients, low=start, density=_DENSITY)
    coefficients.setflags(write=False)
    return coefficients, error


def _next(error: float) -> float:
    """Where the interval behind a factor starts; a little lower, for what rounding does."""
    return (1 - error) / (1 + error) - _ROUND
