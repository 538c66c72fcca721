"""The loops of `he.rlwe.sampling`. Arrays and integers in; nothing raised, allocated or logged."""

from __future__ import annotations

import numpy as np

from he.rlwe.threshold_columns import AT_ONCE
from ntt.jit import inline, kernel

_COLUMNS = 1024  # words that stay in the first-level cache meanwhile


@kernel
def keep_below(words, mask, q, out, filled):
    """Append to out[filled:] every word & mask that is below q; return the new fill count.

    Range: q <= mask + 1. Words behind the one that fills `out` are passed over.
    """
    for i in range(words.shape[0]):
        if filled == out.shape[0]:
            break
        candidate = words[i] & mask
        # Written always and kept only if the count moves on: no branch to mispredict.
        out[filled] = candidate
        filled += np.int64(candidate < q)
    return filled


@kernel
def keep_ternary(octets, out, filled):
    """Append to out[filled:] (octet mod 3) - 1 for every octet below 255; return the fill count.

    The caller makes sure that filled + len(octets) <= len(out).
    """
    for i in range(octets.shape[0]):
        octet = np.int64(octets[i])
        out[filled] = octet % 3 - 1
        filled += np.int64(octet < 255)
    return filled


@inline
def _below(thresholds, k):
    return np.int64(thresholds[k] - np.uint64(1))


@kernel
def invert_half_normal(words, thresholds, out):
    """Map uniform 64-bit words to signed samples by inversion of a cumulative table.

    Magnitude = number of thresholds <= word >> 1; sign = lowest bit. Every threshold is compared
    for every word, so the time does not depend on the samples. The number of thresholds, in
    [1, 2^63], is a multiple of `AT_ONCE`: fill up with 2^63, which no word reaches.
    """
    one = np.uint64(1)
    # Signed words of 63 bits above threshold - 1: vector units compare signed words faster.
    for first in range(0, words.shape[0], _COLUMNS):
        source, target = words[first : first + _COLUMNS], out[first : first + _COLUMNS]
        for i in range(target.shape[0]):
            target[i] = 0
        # Words in the inner loop, so that it is one on vectors.
        for k in range(0, thresholds.shape[0], AT_ONCE):
            a, b, c = _below(thresholds, k), _below(thresholds, k + 1), _below(thresholds, k + 2)
            d, e, f = (
                _below(thresholds, k + 3), _below(thresholds, k + 4), _below(thresholds, k + 5)
            )
            for i in range(target.shape[0]):
                uniform = np.int64(source[i] >> one)
                low = np.int64(uniform > a) + np.int64(uniform > b) + np.int64(uniform > c)
                high = np.int64(uniform > d) + np.int64(uniform > e) + np.int64(uniform > f)
                target[i] += low + high
        for i in range(target.shape[0]):
            sign = np.int64(source[i] & one)
            # Negates where sign is 1, in two's complement, without a branch.
            target[i] = (target[i] ^ -sign) + sign
