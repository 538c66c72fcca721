"""Polynomials fitted where the values of a network lie.

A minimax polynomial spends its degree on the whole range. The values of a layer lie mostly near its
middle, so a least-squares fit over the values of calibration images, with a small weight on all
the rest of the range, is nearer to the activation where that matters. Its largest error over the
range is bounded all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from nn.approximation.minimax import Function, Parity, check_degree, largest_error
from nn.approximation.samples import Samples
from nn.network.layers import FloatArray

UNIFORM_WEIGHT = 0.05
"""The weight of the whole range beside that of the values."""


@dataclass(frozen=True, eq=False)
class Fit:
    """coefficients: ``(groups, degree + 1)`` in the Chebyshev basis of each group's range.

    error: a bound on ``|f - p|`` over the ranges of all groups.
    """

    coefficients: FloatArray
    error: float

    @property
    def degree(self) -> int:
        """The highest index."""
        return int(self.coefficients.shape[1]) - 1


def fit(
    function: Function,
    samples: Samples,
    degree: int,
    *,
    parity: Parity = "none",
    kinks: tuple[float, ...] = (),
) -> Fit:
    """The polynomials of a degree that are nearest to the function at the values of each group.

    The squares of the errors are added up over the values, and with `UNIFORM_WEIGHT` over the
    Chebyshev points of the range. kinks: of the function, in its own units.
    """
    check_degree(degree)
    indices = np.arange({"none": 0, "even": 0, "odd": 1}[parity], degree + 1)
    if parity != "none":
        indices = indices[::2]
    nodes = np.cos(np.pi * (np.arange(4 * degree + 4) + 0.5) / (4 * degree + 4))
    coefficients = np.zeros((samples.groups, degree + 1))
    error = 0.0
    for group in range(samples.groups):
        centre, radius = samples.centre[group], samples.radius[group]

        def scaled(t: FloatArray, c: float = centre, r: float = radius) -> FloatArray:
            return function(c + r * t)

        values = samples.scaled[group]
        points = np.concatenate([values, nodes])
        weights = np.concatenate(
            [
                np.full(len(values), 1 / len(values)),
                np.full(len(nodes), UNIFORM_WEIGHT / len(nodes)),
            ]
        )
        root = np.sqrt(weights)
        basis = chebvander(points, degree)[:, indices] * root[:, None]
        solution = np.linalg.lstsq(basis, scaled(points) * root, rcond=None)[0]
        coefficients[group, indices] = solution
        bends = tuple((kink - centre) / radius for kink in kinks)
        error = max(error, largest_error(scaled, coefficients[group], kinks=bends))
    return Fit(coefficients, error)
