"""The loops of `he.format.residue_packing`. Arrays in; nothing raised, allocated or logged."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel


@kernel
def pack_row(row, bits, words):
    """words = the concatenation of row's values, `bits` bits each, least significant bit first.

    Range: 1 <= bits <= 64, row[i] < 2^bits; len(words) = ceil(len(row) * bits / 64). The unused
    top bits of the last word become zero.
    """
    width = np.uint64(bits)
    word = np.uint64(0)
    used = np.uint64(0)  # bits of word that are taken, < 64
    written = 0
    for i in range(row.shape[0]):
        value = row[i]
        word |= value << used
        used += width
        if used >= np.uint64(64):
            words[written] = word
            written += 1
            used -= np.uint64(64)
            # The value's top `used` bits are left over; none are where used is 0, and a shift by
            # the full width (64) would be undefined, so it goes in two steps.
            word = (value >> (width - used - np.uint64(used == 0))) >> np.uint64(used == 0)
    if used > np.uint64(0):
        words[written] = word


@kernel
def unpack_row(words, bits, row):
    """The inverse of pack_row; return the largest value and the unused top bits of the last word.

    Range: 1 <= bits <= 64; len(words) = ceil(len(row) * bits / 64).
    """
    width = np.uint64(bits)
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - width)
    word = np.uint64(0)
    available = np.uint64(0)  # bits of word not yet read, < 64; the others are zero
    read = 0
    largest = np.uint64(0)
    for i in range(row.shape[0]):
        value = word
        if available >= width:
            value &= mask
            word >>= width
            available -= width
        else:
            word = words[read]
            read += 1
            value = (value | (word << available)) & mask
            taken = width - available  # 1..64 bits of the new word
            word = (word >> (taken - np.uint64(1))) >> np.uint64(1)
            available = np.uint64(64) - taken
        row[i] = value
        largest = max(largest, value)
    return largest, word
