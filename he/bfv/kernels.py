"""Loops of the BFV scheme. Arrays in; nothing raised or allocated. Moduli are below 2^61."""

from __future__ import annotations

import numpy as np
from numba import njit

from ntt.reduction import multiply_high

_BLOCK = 512


@njit(cache=True, nogil=True)
def nearest_multiple(out, y, reciprocals):
    """out[i] = round(sum_s y[s, i] reciprocals[s]), ties upwards; y (sources, N) uint64.

    In float64: the sum is off by less than sources^2 2^-52.
    """
    totals = np.empty(_BLOCK, dtype=np.float64)
    for start in range(0, out.size, _BLOCK):
        size = min(_BLOCK, out.size - start)
        totals[:size] = 0.5
        for s in range(y.shape[0]):
            source, reciprocal = y[s, start : start + size], reciprocals[s]
            for i in range(size):
                totals[i] += np.float64(np.int64(source[i])) * reciprocal
        for i in range(size):
            out[start + i] = np.uint64(np.int64(totals[i]))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def scale_and_round(out, y, moduli, whole, rest, rest_shoup, reciprocals, t):
    """out[i] = round(sum_s y[s, i] t / q_s) mod t; returns the largest distance to an integer.

    y (limbs, N) with y[s] < q_s; t = whole[s] q_s + rest[s], rest_shoup = floor(rest 2^64 / q_s).
    Each term's integer part is exact; the fractions are summed in float64, off by less than
    limbs^2 2^-52, so that only a sum that close to a tie could be rounded to the other side.
    """
    worst = 0.0
    for i in range(out.size):
        total, fraction = np.uint64(0), 0.0
        for s in range(y.shape[0]):
            value, q = y[s, i], moduli[s]
            quotient = multiply_high(rest_shoup[s], value)
            remainder = rest[s] * value - quotient * q
            if remainder >= q:
                remainder -= q
                quotient += np.uint64(1)
            total += whole[s] * value + quotient
            total = min(total, total - t)
            fraction += np.float64(np.int64(remainder)) * reciprocals[s]
        count = np.floor(fraction + 0.5)
        worst = max(worst, abs(fraction - count))
        out[i] = (total + np.uint64(np.int64(count))) % t
    return worst
