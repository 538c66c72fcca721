"""The loops of `he.sampling`. Arrays and integers in; nothing raised, allocated or logged."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel


@kernel
def keep_below(words, mask, q, out, filled):
    """Append to out[filled:] every word & mask that is below q; return the new fill count.

    Range: q <= mask + 1. The caller makes sure that filled + len(words) <= len(out).
    """
    for i in range(words.shape[0]):
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


@kernel
def invert_half_normal(words, thresholds, out):
    """Map uniform 64-bit words to signed samples by inversion of a cumulative table.

    Magnitude = number of thresholds <= word >> 1; sign = lowest bit. Every threshold is compared
    for every word, so the time does not depend on the samples.
    """
    for i in range(words.shape[0]):
        uniform = words[i] >> np.uint64(1)
        magnitude = np.int64(0)
        for k in range(thresholds.shape[0]):
            magnitude += np.int64(uniform >= thresholds[k])
        sign = np.int64(words[i] & np.uint64(1))
        # Negates where sign is 1, in two's complement, without a branch.
        out[i] = (magnitude ^ -sign) + sign
