"""What both transforms share: how they walk through a row, their factors, shuffles of lanes."""

from __future__ import annotations

from ntt.jit import inline
from ntt.simd.integers import load, load_runs, prefetch_second, shuffle

BLOCK = 2048
"""Words of a block: half of a first-level cache of 32 KiB, beside which its factors find room."""

AHEAD = 1024
"""How many words of a row ahead of their use the factors of stages inside registers are fetched."""

# How 16 neighbours in two vectors part for the stages t = 4, 2 and 1. Each step is one cheap
# instruction of x86, so the lanes come in another order than the places in the row.
low_halves = shuffle((0, 1, 2, 3, 8, 9, 10, 11))
high_halves = shuffle((4, 5, 6, 7, 12, 13, 14, 15))
low_pairs = shuffle((0, 1, 4, 5, 8, 9, 12, 13))
high_pairs = shuffle((2, 3, 6, 7, 10, 11, 14, 15))
even_lanes = shuffle((0, 8, 2, 10, 4, 12, 6, 14))
odd_lanes = shuffle((1, 9, 3, 11, 5, 13, 7, 15))
# From the order behind these three to the places in the row, and back; and the two steps between.
joined_low = shuffle((0, 8, 1, 9, 4, 12, 5, 13))
joined_high = shuffle((2, 10, 3, 11, 6, 14, 7, 15))
parted_evens = shuffle((0, 2, 8, 10, 4, 6, 12, 14))
parted_odds = shuffle((1, 3, 9, 11, 5, 7, 13, 15))
quads_low = shuffle((0, 1, 8, 9, 2, 3, 10, 11))
quads_high = shuffle((4, 5, 12, 13, 6, 7, 14, 15))
halves = load_runs(4)  # the factors of stage t = 4 of a pair of vectors, in the order of its lanes
broadcast = load_runs(8)
_first_pairs = shuffle((0, 0, 2, 2, 4, 4, 6, 6))
_second_pairs = shuffle((1, 1, 3, 3, 5, 5, 7, 7))


@inline
def pairs(w, k):
    """The factors of stage t = 2 of two pairs of vectors, which the tables interleave."""
    both = load(w, k)
    return _first_pairs(both, both), _second_pairs(both, both)


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
        broadcast(w, k), broadcast(w_shoup, k), broadcast(w, i), broadcast(w_shoup, i),
        broadcast(w, j), broadcast(w_shoup, j),
    )  # fmt: skip


@inline
def fetch_factors(w, w_shoup, k):
    """Fetch the factors of the stages t = 4, 2 and 1 of the 64 words from k - N on."""
    for factors in (w, w_shoup):
        prefetch_second(factors, k >> 3)
        for line in range(0, 16, 8):
            prefetch_second(factors, (k >> 2) + line)
        for line in range(0, 32, 8):
            prefetch_second(factors, (k >> 1) + line)
