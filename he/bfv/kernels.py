"""Loops of the BFV scheme. Arrays in; nothing raised or allocated. Moduli are below 2^61."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel
from ntt.reduction import multiply_high, shoup

_BLOCK = 512


@kernel
def nearest_multiple(out, y, reciprocals):
    """out[i] = round(sum_s y[s, i] reciprocals[s]), ties upwards; y (sources, N) uint64.

    Returns the largest distance of a sum to its integer. In float64: each sum is off by less than
    sources^2 2^-52.
    """
    totals = np.empty(_BLOCK, dtype=np.float64)
    worst = 0.0
    for start in range(0, out.size, _BLOCK):
        size = min(_BLOCK, out.size - start)
        totals[:size] = 0.0
        for s in range(y.shape[0]):
            source, reciprocal = y[s, start : start + size], reciprocals[s]
            for i in range(size):
                totals[i] += np.float64(np.int64(source[i])) * reciprocal
        for i in range(size):
            nearest = np.int64(totals[i] + 0.5)
            out[start + i] = np.uint64(nearest)
            worst = max(worst, abs(totals[i] - np.float64(nearest)))
    return worst


@kernel
def scaling_remainder(out, m, t, rest, rest_shoup):
    """out[i] = round(rest m[i] / t) for m[i], rest < t < 2^61, rest_shoup = floor(rest 2^64 / t).

    Ties upwards; in [0, t], and exact: the Shoup quotient is short by at most one.
    """
    half = t - (t >> np.uint64(1))
    one, zero = np.uint64(1), np.uint64(0)
    for i in range(out.size):
        quotient = multiply_high(rest_shoup, m[i])
        remainder = rest * m[i] - quotient * t
        carry = one if remainder >= t else zero
        remainder -= carry * t
        out[i] = quotient + carry + (one if remainder >= half else zero)


@kernel
def weighted_sum(out, y, weights, weights_shoup, t):
    """out[i] = sum_s weights[s] y[s, i] mod t, for weights < t < 2^61 and any y."""
    out[:] = 0
    for s in range(y.shape[0]):
        w, w_shoup = weights[s], weights_shoup[s]
        for i in range(out.size):
            total = out[i] + shoup(y[s, i], w, w_shoup, t)
            out[i] = min(total, total - t)


@kernel
def scatter_residues(out, values, position, t):
    """out[position[i]] = values[i] mod t for int64 values in (-t, t); 0 where there are none.

    Returns the smallest and the largest value.
    """
    smallest, largest = np.int64(0), np.int64(0)
    for i in range(values.size):
        v = values[i]
        smallest, largest = min(smallest, v), max(largest, v)
        out[position[i]] = np.uint64(v + (t if v < 0 else 0))
    for i in range(values.size, position.size):
        out[position[i]] = 0
    return smallest, largest
