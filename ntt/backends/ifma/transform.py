"""The forward negacyclic transform, eight lanes of 52-bit words at a time.

The first pass over memory takes three stages, or two, the later ones two each. They go down to
vectors of eight, block by block once a block fits the first-level cache. The last three stages
happen inside registers.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.butterflies import (
    below_q,
    cooley_tukey,
    is_narrow,
    narrow_below_q,
    narrow_cooley_tukey,
    ranges_of,
)
from ntt.backends.ifma.lanes import (
    BLOCK,
    each_four_times,
    each_twice,
    even_lanes,
    factors_of_group,
    high_halves,
    high_pairs,
    interleave_high,
    interleave_low,
    joined_parts,
    low_halves,
    low_pairs,
    odd_lanes,
)
from ntt.backends.layout import W_SHOUP, W
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.simd.integers import load, splat, store

_TWO = np.uint64(2)

@inline
def _join(butterfly, a, b, c, d, factors, ranges):
    """Two stages of the vectors of a column, with the `factors_of_group` of the first one."""
    w1, w1s, w2, w2s, w3, w3s = factors
    a, c = butterfly(a, c, w1, w1s, ranges)
    b, d = butterfly(b, d, w1, w1s, ranges)
    a, b = butterfly(a, b, w2, w2s, ranges)
    c, d = butterfly(c, d, w3, w3s, ranges)
    return a, b, c, d


@inline
def _forward_radix8(butterfly, x, w, w_shoup, ranges):
    """The first three stages."""
    t = x.size >> 3
    w1, w1s = splat(w[1]), splat(w_shoup[1])
    upper, lower = factors_of_group(w, w_shoup, 2), factors_of_group(w, w_shoup, 3)
    for j in range(0, t, 8):
        i = j + 4 * t
        a, e = butterfly(load(x, j), load(x, i), w1, w1s, ranges)
        b, f = butterfly(load(x, j + t), load(x, i + t), w1, w1s, ranges)
        c, g = butterfly(load(x, j + 2 * t), load(x, i + 2 * t), w1, w1s, ranges)
        d, h = butterfly(load(x, j + 3 * t), load(x, i + 3 * t), w1, w1s, ranges)
        a, b, c, d = _join(butterfly, a, b, c, d, upper, ranges)
        e, f, g, h = _join(butterfly, e, f, g, h, lower, ranges)
        store(x, j, a)
        store(x, j + t, b)
        store(x, j + 2 * t, c)
        store(x, j + 3 * t, d)
        store(x, i, e)
        store(x, i + t, f)
        store(x, i + 2 * t, g)
        store(x, i + 3 * t, h)


@inline
def _forward_radix4(butterfly, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (m, t) and (2m, t/2) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        factors = factors_of_group(w, w_shoup, m + i)
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            a, b, c, d = _join(butterfly, a, b, c, d, factors, ranges)
            store(x, j, a)
            store(x, j + h, b)
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _forward_stage4(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = each_four_times(w, w), each_four_times(w_shoup, w_shoup)
    return butterfly(low_halves(u, v), high_halves(u, v), w, w_shoup, ranges)


@inline
def _forward_stage2(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = each_twice(w, w), each_twice(w_shoup, w_shoup)
    return butterfly(low_pairs(u, v), high_pairs(u, v), w, w_shoup, ranges)


@inline
def _forward_stage1(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    return butterfly(even_lanes(u, v), odd_lanes(u, v), w, w_shoup, ranges)


@inline
def _forward_tail(butterfly, below_q, x, w, w_shoup, start, stop, ranges):
    """Stages t = 4, 2, 1 of x[start:stop] inside registers; out in [0, q).

    Four independent pairs of vectors take turns, so that none waits for its own last result.
    """
    N = x.size
    for j in range(start, stop, 64):
        a, b, c, d = load(x, j), load(x, j + 8), load(x, j + 16), load(x, j + 24)
        e, f, g, h = load(x, j + 32), load(x, j + 40), load(x, j + 48), load(x, j + 56)
        k = (N + j) >> 3
        a, b = _forward_stage4(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _forward_stage4(butterfly, c, d, w, w_shoup, k + 2, ranges)
        e, f = _forward_stage4(butterfly, e, f, w, w_shoup, k + 4, ranges)
        g, h = _forward_stage4(butterfly, g, h, w, w_shoup, k + 6, ranges)
        k = (N + j) >> 2
        a, b = _forward_stage2(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _forward_stage2(butterfly, c, d, w, w_shoup, k + 4, ranges)
        e, f = _forward_stage2(butterfly, e, f, w, w_shoup, k + 8, ranges)
        g, h = _forward_stage2(butterfly, g, h, w, w_shoup, k + 12, ranges)
        k = (N + j) >> 1
        a, b = _forward_stage1(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _forward_stage1(butterfly, c, d, w, w_shoup, k + 8, ranges)
        e, f = _forward_stage1(butterfly, e, f, w, w_shoup, k + 16, ranges)
        g, h = _forward_stage1(butterfly, g, h, w, w_shoup, k + 24, ranges)
        _store_pair(x, j, below_q(a, ranges), below_q(b, ranges))
        _store_pair(x, j + 16, below_q(c, ranges), below_q(d, ranges))
        _store_pair(x, j + 32, below_q(e, ranges), below_q(f, ranges))
        _store_pair(x, j + 48, below_q(g, ranges), below_q(h, ranges))


@inline
def _store_pair(x, j, u, v):
    store(x, j, interleave_low(u, v))
    store(x, j + 8, interleave_high(u, v))


@inline
def _first_pass(butterfly, x, w, w_shoup, ranges):
    """The first three stages, or two."""
    if joined_parts(x.size) == 8:
        _forward_radix8(butterfly, x, w, w_shoup, ranges)
    else:
        _forward_radix4(butterfly, x, w, w_shoup, 1, x.size >> 1, 0, 1, ranges)


@inline
def _later_passes(butterfly, below_q, x, w, w_shoup, ranges):
    """All stages behind the first pass."""
    m = joined_parts(x.size)
    t = x.size // (2 * m)
    while t >= 16 and 2 * t > BLOCK:
        _forward_radix4(butterfly, x, w, w_shoup, m, t, 0, m, ranges)
        m, t = m << 2, t >> 2
    # A short row is one block: the stages inside registers take 64 words at a time.
    blocks = m if x.size > BLOCK else 1
    groups, length = m // blocks, x.size // blocks
    for block in range(blocks):
        block_m, block_t, first, last = m, t, groups * block, groups * (block + 1)
        while block_t >= 16:
            _forward_radix4(butterfly, x, w, w_shoup, block_m, block_t, first, last, ranges)
            block_m, block_t, first, last = block_m << 2, block_t >> 2, first << 2, last << 2
        _forward_tail(
            butterfly, below_q, x, w, w_shoup, length * block, length * (block + 1), ranges
        )


@inline
def _forward_row(butterfly, below_q, x, row):
    """`forward_row` with one kind of butterflies."""
    w, w_shoup = twiddles(row, x.size, W), twiddles(row, x.size, W_SHOUP)
    ranges = ranges_of(row, _TWO)
    _first_pass(butterfly, x, w, w_shoup, ranges)
    _later_passes(butterfly, below_q, x, w, w_shoup, ranges)


@kernel
def _forward_row_wide(x, row):
    _forward_row(cooley_tukey, below_q, x, row)


@kernel
def _forward_row_narrow(x, row):
    _forward_row(narrow_cooley_tukey, narrow_below_q, x, row)


@kernel
def forward_row(x, row):
    """In-place transform of one row by the tables' row; input below 4q, output in [0, q)."""
    if is_narrow(row):
        _forward_row_narrow(x, row)
    else:
        _forward_row_wide(x, row)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        forward_row(x[r], tables[rows[r]])
