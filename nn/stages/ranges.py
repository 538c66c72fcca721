"""The ranges of polynomials over intervals, elementwise."""

from __future__ import annotations

import math

import numpy as np

from nn.network.evaluation_error import gamma
from nn.network.layers import FloatArray

Interval = tuple[FloatArray, FloatArray]
"""Least and greatest values, elementwise."""


def polynomial_bounds(coefficients: FloatArray, interval: Interval) -> Interval:
    """The range of ``sum_k coefficients[..., k] x^k`` over an interval.

    The range is exact up to degree 2. Beyond degree 2 it is a bound: the better one of Horner's
    rule on intervals, and of the sum of the absolute coefficients in the Chebyshev basis of the
    interval.
    """
    low, high = interval
    columns = list(np.moveaxis(coefficients, -1, 0))
    if len(columns) == 3:
        constant, linear, square = columns
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = np.nan_to_num(-linear / (2 * square), nan=0.0, posinf=0.0, neginf=0.0)
        points = np.stack([low, high, np.clip(vertex, low, high)])
        values = (square * points + linear) * points + constant
        return values.min(axis=0), values.max(axis=0)
    least, greatest = np.zeros_like(low), np.zeros_like(high)
    for column in columns[::-1]:
        products = np.stack([least * low, least * high, greatest * low, greatest * high])
        least, greatest = products.min(axis=0) + column, products.max(axis=0) + column
    if len(columns) < 3:
        return least, greatest
    centre, reach = _chebyshev_range(coefficients, low, high)
    return np.fmax(least, centre - reach), np.fmin(greatest, centre + reach)


def chebyshev_bounds(coefficients: FloatArray, interval: Interval) -> Interval:
    """A bound on the range of ``sum_k coefficients[..., k] T_k(x)`` over an interval.

    |T_k| is at most 1 on [-1, 1], and grows beyond.
    """
    farthest = np.maximum(np.maximum(np.abs(interval[0]), np.abs(interval[1])), 1.0)
    elements = [np.ones_like(farthest), farthest]
    while len(elements) < coefficients.shape[-1]:
        elements.append(2 * farthest * elements[-1] - elements[-2])
    reach = np.zeros_like(farthest)
    for k in range(1, coefficients.shape[-1]):
        reach = reach + np.abs(coefficients[..., k]) * elements[k]
    return coefficients[..., 0] - reach, coefficients[..., 0] + reach


def _chebyshev_range(
    coefficients: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """A centre of the range of a polynomial over [low, high], and how far the range reaches.

    With ``x = middle + radius t`` and ``p = sum_k d_k T_k(t)`` the range lies within ``d_0 +- sum
    |d_k|``. The coefficients of t^k as sums of T_j are positive and add up to 1, so that their
    rounding errors are at most those of ``sum_k |c_k| (|middle| + radius)^k``.
    """
    degree = coefficients.shape[-1] - 1
    middle, radius = low / 2 + high / 2, high / 2 - low / 2
    shifted = []
    for k in range(degree + 1):
        total = np.zeros_like(middle)
        for j in range(degree, k - 1, -1):
            total = total * middle + math.comb(j, k) * coefficients[..., j]
        shifted.append(total * radius**k)
    found = np.einsum("jk,j...->k...", _powers_in_chebyshev(degree), np.stack(shifted))
    size = np.zeros_like(middle)
    for j in range(degree, -1, -1):
        size = size * (np.abs(middle) + radius) + np.abs(coefficients[..., j])
    return found[0], np.abs(found[1:]).sum(axis=0) + gamma(4 * degree + 8) * size


def _powers_in_chebyshev(degree: int) -> FloatArray:
    """Row k holds the coefficients of t^k in the basis T_0 .. T_degree."""
    rows = np.zeros((degree + 1, degree + 1))
    rows[0, 0] = 1.0
    for k in range(degree):
        # t T_0 = T_1, and t T_j = (T_(j-1) + T_(j+1)) / 2.
        rows[k + 1, 1] += rows[k, 0]
        for j in range(1, k + 1):
            rows[k + 1, j - 1] += rows[k, j] / 2
            rows[k + 1, j + 1] += rows[k, j] / 2
    return rows
