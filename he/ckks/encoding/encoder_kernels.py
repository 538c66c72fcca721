"""The loops of the encoder. Arrays in; nothing raised or allocated."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel
from ntt.reduction import shoup, subtract


@kernel
def rounded_digits(out, values, base, offset):
    """rint(values) = sum_s (out[s] - offset) base^s with digits in [-base / 2, base / 2].

    The last digit takes what is left. values (N,) float64, below 2^53 / base in units of
    base^(last digit); base a power of two, offset a whole number; out (digits, N) uint64.
    """
    last = out.shape[0] - 1
    inverse = 1.0 / base
    for i in range(values.size):
        rest = np.rint(values[i])
        for s in range(last):
            carried = np.rint(rest * inverse)
            # Exact: a multiple of the last place of `rest`, and no larger.
            out[s, i] = np.uint64(np.int64(rest - carried * base + offset))
            rest = carried
        out[last, i] = np.uint64(np.int64(rest + offset))


@kernel
def largest_bits(bits):
    """The largest magnitude of float64 values, by their bits: NaN is above infinity."""
    largest = np.uint64(0)
    for i in range(bits.size):
        largest = max(largest, bits[i] & np.uint64(0x7FFFFFFFFFFFFFFF))
    return largest


@kernel
def all_equal(a, b):
    """Whether all words of a and b (rows, N) uint64 are equal, in the same time for all words."""
    different = np.uint64(0)
    for r in range(a.shape[0]):
        for i in range(a.shape[1]):
            different |= a[r, i] ^ b[r, i]
    return different == 0


@kernel
def centred_residues(out, residues, q):
    """out[i] = residues[i], or residues[i] - q above q / 2, as float64."""
    half = q >> 1
    for i in range(out.size):
        r = residues[i]
        out[i] = np.float64(r - q if r > half else r)


@kernel
def joined_limbs(out, low, high, q, half):
    """out[i] = low[i] + q (high[i] - half) as float64, off by at most 3 2^-53 of its magnitude.

    int64 arrays, low in [0, q), high in [0, 2 half]; False if a high is 2 half.
    """
    weight = np.float64(q)
    top = np.int64(0)
    for i in range(out.size):
        h = high[i] - half
        top = max(top, h)
        negative = np.int64(h < 0)
        # Both summands have the same sign, so nothing cancels.
        out[i] = np.float64(low[i] - q * negative) + np.float64(h + negative) * weight
    return top < half


@kernel
def centred_values(out, residues, moduli, half, inverses, inverses_shoup, weights):
    """out[i] = the value in (-Q/2, Q/2) whose residues are residues[:, i], rounded to float64.

    Garner's mixed radix digits d_k of x; x is negative where they exceed those of (Q - 1) / 2, and
    Q - x is then 1 + the number with digits q_k - 1 - d_k. half: the digits of (Q - 1) / 2;
    inverses[k, j] = q_j^-1 mod q_k with its Shoup constant; weights[k] = q_0 .. q_(k-1) as float,
    infinite beyond float64.
    """
    one = np.uint64(1)
    count = moduli.size
    digits = np.empty(count, dtype=np.uint64)
    for i in range(out.size):
        for k in range(count):
            q = moduli[k]
            d = residues[k, i]
            for j in range(k):
                other = digits[j] % q
                d = shoup(subtract(d, other, q), inverses[k, j], inverses_shoup[k, j], q)
            digits[k] = d
        negative = False
        for k in range(count - 1, -1, -1):
            if digits[k] != half[k]:
                negative = digits[k] > half[k]
                break
        value = 0.0
        for k in range(count - 1, -1, -1):
            d = digits[k]
            if negative:
                d = moduli[k] - one - d
                if k == 0:
                    d += one
            if d != 0:
                value += np.float64(d) * weights[k]
        out[i] = -value if negative else value


@kernel
def interleave(out, x, limb, term):
    """out[limb + i, r, term + t, k] = x[t, i, r lanes + k]: transforms to weights.

    out (limbs, rows, terms, lanes), x (terms, limbs, rows lanes), uint64; 1, 2, 4 or 8 lanes.
    """
    rows, lanes = out.shape[1], out.shape[3]
    for i in range(x.shape[1]):
        to = out[limb + i]
        if lanes == 1:
            for r in range(rows):
                for t in range(x.shape[0]):
                    to[r, term + t, 0] = x[t, i, r]
        elif lanes == 2:
            for r in range(rows):
                for t in range(x.shape[0]):
                    to[r, term + t, 0] = x[t, i, 2 * r]
                    to[r, term + t, 1] = x[t, i, 2 * r + 1]
        else:
            for r in range(rows):
                for t in range(x.shape[0]):
                    for k in range(0, lanes, 4):
                        for j in range(4):
                            to[r, term + t, k + j] = x[t, i, r * lanes + k + j]
