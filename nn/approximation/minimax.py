"""Minimax polynomials by the exchange of Remez, in the Chebyshev basis of [-1, 1].

The best approximation of a continuous function by polynomials of a degree is the one whose error
takes its largest size with alternating signs at two more points than the degree (Chebyshev). The
exchange moves such points to where the error is largest until it is nowhere larger than there
(Remez 1934). An odd function on two intervals, [-1, -a] and [a, 1], is one problem on [a, 1] with
the odd polynomials.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from nn.errors import ApproximationError
from nn.network.activation import chebyshev_sum
from nn.network.layers import FloatArray

Parity = Literal["none", "even", "odd"]
Function = Callable[[FloatArray], FloatArray]

MAX_DEGREE = 255
"""The largest degree that is fitted; it takes 8 levels."""

_POINTS = 32
_EXCHANGES = 60
_LEVELLED = 1e-6
"""The exchange ends when the largest error exceeds that at the points by this part of itself."""


def minimax(
    function: Function,
    degree: int,
    *,
    low: float = -1.0,
    parity: Parity = "none",
    kinks: Sequence[float] = (),
) -> FloatArray:
    """The coefficients ``(degree + 1,)`` of the best polynomial on [low, 1].

    function: continuous there, from an array to an array. parity: "odd" or "even" polynomials on
    [low, 1] with low >= 0, which are then as good on [-1, -low] for a function of this parity.
    kinks: where the function bends; the search for the largest error looks there too.

    Raises `ApproximationError` for a degree beyond `MAX_DEGREE`, values that are not finite, and
    where the exchange does not end.
    """
    check_degree(degree)
    if not -1 <= low < 1 or (parity != "none" and low < 0):
        raise ApproximationError(
            f"low = {low}: an interval within [-1, 1] is needed, and within "
            f"[0, 1] for odd and even polynomials"
        )
    indices = np.arange({"none": 0, "even": 0, "odd": 1}[parity], degree + 1)
    if parity != "none":
        indices = indices[::2]
    grid = _grid(low, len(indices), kinks)
    values = np.asarray(function(grid), dtype=np.float64)
    if values.shape != grid.shape or not np.isfinite(values).all():
        raise ApproximationError("the function has no finite value somewhere on the interval")
    basis: FloatArray = np.asarray(chebvander(grid, degree)[:, indices], dtype=np.float64)
    found = _exchanged(basis, values, _first_points(grid, low, len(indices) + 1, parity))
    coefficients = np.zeros(degree + 1)
    coefficients[indices] = found
    return coefficients


def _exchanged(basis: FloatArray, values: FloatArray, points: np.ndarray) -> FloatArray:
    """The coefficients whose error at the points alternates and is nowhere larger."""
    signs = (-1.0) ** np.arange(len(points))
    best: tuple[float, FloatArray] | None = None
    for _ in range(_EXCHANGES):
        system = np.column_stack([basis[points], signs])
        solution: FloatArray = np.linalg.lstsq(system, values[points], rcond=None)[0]
        error = values - basis @ solution[:-1]
        largest = float(np.abs(error).max())
        if best is None or largest < best[0]:
            best = largest, solution[:-1]
        levelled = abs(float(solution[-1]))
        if largest <= levelled * (1 + _LEVELLED) + 1e-15:
            return solution[:-1]
        moved = _alternating(error, len(points))
        if moved is None:
            break
        points = moved
    assert best is not None
    # A kink at a point of the grid may stop the exchange a little above the best.
    return best[1]


def _alternating(error: FloatArray, count: int) -> np.ndarray | None:
    """The points of the largest errors of alternating signs, of which there are `count`."""
    signs = np.sign(error)
    signs[signs == 0] = 1
    starts = np.flatnonzero(np.concatenate([[True], signs[1:] != signs[:-1]]))
    ends = np.append(starts[1:], len(error))
    peaks = [a + int(np.abs(error[a:b]).argmax()) for a, b in zip(starts, ends, strict=True)]
    while len(peaks) > count:
        sizes = np.abs(error[peaks])
        if len(peaks) == count + 1:
            # One too many: an end goes, so that the signs still alternate.
            del peaks[0 if sizes[0] < sizes[-1] else -1]
            break
        pairs = np.minimum(sizes[1:], sizes[:-1])
        least = int(pairs.argmin())
        del peaks[least : least + 2]
    return np.array(peaks) if len(peaks) == count else None


def _grid(low: float, count: int, kinks: Sequence[float]) -> FloatArray:
    """Points of [low, 1], dense at the ends, at the kinks, and, near 0, on a logarithmic scale."""
    inner = sorted(k for k in kinks if low < k < 1)
    ends = [low, *inner, 1.0]
    angles = np.cos(np.linspace(np.pi, 0, _POINTS * (count + 2)))
    pieces = [(a + b) / 2 + (b - a) / 2 * angles for a, b in itertools.pairwise(ends)]
    if low > 0:
        pieces.append(np.geomspace(low, 1.0, _POINTS * (count + 2)))
    return np.unique(np.clip(np.concatenate(pieces), low, 1.0))


def _first_points(grid: FloatArray, low: float, count: int, parity: Parity) -> np.ndarray:
    """The points next to the extrema of a Chebyshev polynomial of the interval.

    Odd and even polynomials are polynomials of x^2, so that the extrema are those for x^2.
    """
    cosines = np.cos(np.linspace(np.pi, 0, count))
    if parity == "none":
        wanted = (low + 1) / 2 + (1 - low) / 2 * cosines
    else:
        wanted = np.sqrt((low**2 + 1) / 2 + (1 - low**2) / 2 * cosines)
    points = np.unique(np.searchsorted(grid, wanted).clip(0, len(grid) - 1))
    if len(points) < count:
        points = np.unique(np.linspace(0, len(grid) - 1, count).round().astype(int))
    return points


def check_degree(degree: int) -> None:
    """Raise `ApproximationError` for a degree below 1 or beyond `MAX_DEGREE`."""
    if not 1 <= degree <= MAX_DEGREE:
        raise ApproximationError(f"degree {degree}: 1 to {MAX_DEGREE} are possible")


def largest_error(
    function: Function,
    coefficients: FloatArray,
    *,
    low: float = -1.0,
    kinks: Sequence[float] = (),
    density: int = 8,
) -> float:
    """A bound on ``|function - polynomial|`` over [low, 1].

    Exact up to rounding where the function is a polynomial between its kinks, of no higher degree:
    among the values at m n Chebyshev points of a piece, a polynomial of degree n takes at least
    cos(pi / 2m) times its largest (Ehlich and Zeller, Math. Z. 86, 1964). A smooth function counts
    as one of eight times the degree. density: m; 8 makes the bound 2 % too large at most.
    """
    degree = len(coefficients) - 1
    inner = sorted(k for k in kinks if low < k < 1)
    ends = [low, *inner, 1.0]
    count = 8 * density * (degree + 1)
    nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    largest = 0.0
    for a, b in itertools.pairwise(ends):
        x = (a + b) / 2 + (b - a) / 2 * nodes
        error = function(x) - chebyshev_sum(coefficients, x[:, None])[:, 0]
        largest = max(largest, float(np.abs(error).max()))
    return largest / math.cos(math.pi / (2 * density)) + 1e-15 * degree**2 * float(
        np.abs(coefficients).sum()
    )
