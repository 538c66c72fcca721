"""Polynomials fitted where the values of a network lie.

A minimax polynomial spends its degree on the whole range. The values of a layer lie mostly near its
middle, so a least-squares fit over the values of calibration images, with a small weight on all
the rest of the range, is nearer to the activation where that matters. Its largest error over the
range is bounded all the same.
"""

from __future__ import annotations

import functools
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
    """coefficients: ``(groups, degree + 1)`` in the Chebyshev basis of each group's range."""

    function: Function
    samples: Samples
    kinks: tuple[float, ...]
    coefficients: FloatArray

    @property
    def degree(self) -> int:
        """The highest index."""
        return int(self.coefficients.shape[1]) - 1

    @functools.cached_property
    def error(self) -> float:
        """A bound on ``|f - p|`` over the ranges of all groups."""
        largest = 0.0
        for centre, radius, row in zip(
            self.samples.centre, self.samples.radius, self.coefficients, strict=True
        ):

            def scaled(t: FloatArray, c: float = centre, r: float = radius) -> FloatArray:
                return self.function(c + r * t)

            bends = tuple((kink - centre) / radius for kink in self.kinks)
            largest = max(largest, largest_error(scaled, row, kinks=bends))
        return largest


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
    Chebyshev points of the range: in their basis the normal equations are well conditioned. kinks:
    of the function, in its own units.
    """
    check_degree(degree)
    indices = np.arange({"none": 0, "even": 0, "odd": 1}[parity], degree + 1)
    if parity != "none":
        indices = indices[::2]
    nodes = np.cos(np.pi * (np.arange(4 * degree + 4) + 0.5) / (4 * degree + 4))
    at_nodes = chebvander(nodes, degree)[:, indices]
    coefficients = np.zeros((samples.groups, degree + 1))
    for group, values in enumerate(samples.scaled):
        centre, radius = samples.centre[group], samples.radius[group]
        at_values = chebvander(values, degree)[:, indices]
        few, many = 1 / len(values), UNIFORM_WEIGHT / len(nodes)
        gram = few * at_values.T @ at_values + many * at_nodes.T @ at_nodes
        wanted = few * at_values.T @ function(centre + radius * values)
        wanted = wanted + many * at_nodes.T @ function(centre + radius * nodes)
        coefficients[group, indices] = np.linalg.solve(gram, wanted)
    return Fit(function, samples, kinks, coefficients)
