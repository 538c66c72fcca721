"""Polynomials of degree 3 and more in the form whose evaluation adds the least error.

The powers of x beyond 1 in size, or a sum of powers that cancel, lose most of the precision: a
polynomial of degree 14 on [-8, 8] loses 30 bits. In the Chebyshev basis of ``t = x / a``, with
``|x| <= a``, no basis element exceeds 1, and coefficients of a smooth function do not cancel. An
affine map in front computes t instead of x at no cost. Both forms take the same levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_noise import PolynomialNoise
from nn.network.layers import FloatArray
from nn.stages.neighbours import only_producer, scale_outputs
from nn.stages.stage import PolynomialStage, Stage

LEAST_DEGREE = 3
"""Polynomials below this degree keep their form: `complete_squares` chooses it."""

_POINTS = 65


def condition_polynomials(
    made: Sequence[Stage], reach: Mapping[str, FloatArray]
) -> list[Stage]:
    """The stages with every polynomial of degree 3 or more in the form of the smaller error.

    reach: bounds on the absolute values of every stage, and of "input", by name. Errors are
    compared where every rescaling and the input of the polynomial have an error of one size. The
    Chebyshev form needs an affine stage in front, which nothing else reads, or values within
    [-1, 1].
    """
    result = list(made)
    for index, stage in enumerate(result):
        if not isinstance(stage, PolynomialStage) or stage.basis == "chebyshev":
            continue
        if stage.degree < LEAST_DEGREE:
            continue
        largest = float(reach[stage.input].max())
        front = only_producer(result, stage)
        radius = 1.0 if front is None else largest
        if not (np.isfinite(radius) and radius > 0) or largest > radius:
            continue
        scaled = replace(
            stage, coefficients=_chebyshev_coefficients(stage.coefficients, radius),
            basis="chebyshev",
        )
        if scaled.levels > stage.levels or _error(scaled, 1.0) >= _error(stage, radius):
            continue
        result[index] = scaled
        if front is not None:
            size = result[front].size
            scale_outputs(result, front, np.full(size, 1 / radius), np.zeros(size))
    return result


def _error(stage: PolynomialStage, radius: float) -> float:
    """The largest variance of the result on [-radius, radius], for rescalings of variance 1."""
    rows = np.unique(np.atleast_2d(stage.coefficients), axis=0)
    distinct = replace(stage, coefficients=rows[0] if len(rows) == 1 else rows)
    points = radius * np.cos(np.linspace(0, np.pi, _POINTS))[:, None]
    noise = PolynomialNoise(PolynomialCircuit(distinct.polynomial), points)
    return float(noise.unit_variance.max())


def _chebyshev_coefficients(coefficients: FloatArray, radius: float) -> FloatArray:
    """The coefficients of ``p(radius t)`` in the Chebyshev basis, each rounded once."""
    rows, inverse = np.unique(np.atleast_2d(coefficients), axis=0, return_inverse=True)
    converted = np.array([_chebyshev_row(row, Fraction(radius)) for row in rows.tolist()])
    result: FloatArray = converted[inverse.ravel()]
    return result[0] if coefficients.ndim == 1 else result


def _chebyshev_row(row: Sequence[float], radius: Fraction) -> list[float]:
    """Horner's rule in the Chebyshev basis, in rational numbers."""
    total = [Fraction(0)] * len(row)
    for c in reversed(row):
        # t T_0 = T_1, and t T_j = (T_(j-1) + T_(j+1)) / 2.
        moved = [Fraction(0)] * len(row)
        for j, value in enumerate(total):
            if not value:
                continue
            if j == 0:
                moved[1] += value * radius
            else:
                moved[j - 1] += value * radius / 2
                moved[j + 1] += value * radius / 2
        moved[0] += Fraction(c)
        total = moved
    return [float(value) for value in total]
