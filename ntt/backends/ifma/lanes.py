"""What both transforms share: how they walk through a row, their factors, shuffles of lanes."""

from __future__ import annotations

from ntt.jit import inline
from ntt.simd.integers import shuffle, splat

BLOCK = 4096
"""Words of a block: half of a 64 KiB or two thirds of a 48 KiB first-level cache."""

low_halves = shuffle((0, 1, 2, 3, 8, 9, 10, 11))
high_halves = shuffle((4, 5, 6, 7, 12, 13, 14, 15))
low_pairs = shuffle((0, 1, 8, 9, 4, 5, 12, 13))
high_pairs = shuffle((2, 3, 10, 11, 6, 7, 14, 15))
even_lanes = shuffle((0, 8, 2, 10, 4, 12, 6, 14))
odd_lanes = shuffle((1, 9, 3, 11, 5, 13, 7, 15))
interleave_low = shuffle((0, 8, 1, 9, 2, 10, 3, 11))
interleave_high = shuffle((4, 12, 5, 13, 6, 14, 7, 15))
evens = shuffle((0, 2, 4, 6, 8, 10, 12, 14))
odds = shuffle((1, 3, 5, 7, 9, 11, 13, 15))
each_twice = shuffle((0, 0, 1, 1, 2, 2, 3, 3))
each_four_times = shuffle((0, 0, 0, 0, 1, 1, 1, 1))


@inline
def count_stages(N):
    """How many stages lie outside registers: log2(N) - 3."""
    stages = 0
    while (8 << stages) < N:
        stages += 1
    return stages


@inline
def joined_parts(N):
    """How many parts of a row the widest pass joins, the first of the forward transform and the
    last of the inverse one: 8 where the stages outside registers are odd in number, else 4.
    """
    return 8 if count_stages(N) & 1 else 4


@inline
def factors_of_group(w, w_shoup, k):
    """The factors of group k of one stage, and of its two halves of the next stage."""
    i, j = 2 * k, 2 * k + 1
    return (
        splat(w[k]), splat(w_shoup[k]), splat(w[i]), splat(w_shoup[i]), splat(w[j]),
        splat(w_shoup[j]),
    )  # fmt: skip
