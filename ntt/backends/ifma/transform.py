"""The forward negacyclic transform, eight lanes of 52-bit words at a time.

A pass over memory takes three stages; one or two passes of two stages each make up for the rest.
They go down to vectors of eight, block by block once a block fits the first-level cache. The last
three stages happen inside registers.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.butterflies import (
    MIDDLE,
    NARROW_FORWARD,
    below_q,
    cooley_tukey,
    is_below,
    narrow_below_q,
    narrow_cooley_tukey,
    narrow_reduced,
    ranges_of,
    unchanged,
)
from ntt.backends.ifma.lanes import (
    AHEAD,
    BLOCK,
    broadcast,
    count_stages,
    even_lanes,
    factors_of_group,
    fetch_factors,
    halves,
    high_halves,
    high_pairs,
    joined_high,
    joined_low,
    low_halves,
    low_pairs,
    odd_lanes,
    pairs,
)
from ntt.backends.layout import W_SHOUP, W
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.simd.integers import load, store

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
def _forward_radix8(butterfly, reduced, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (m, t), (2m, t/2) and (4m, t/4) of groups [first, last)."""
    h = t >> 2
    for i in range(first, last):
        k = m + i
        w1, w1s = broadcast(w, k), broadcast(w_shoup, k)
        upper = factors_of_group(w, w_shoup, 2 * k)
        lower = factors_of_group(w, w_shoup, 2 * k + 1)
        for j in range(2 * i * t, 2 * i * t + h, 8):
            n = j + t
            a, b = reduced(load(x, j), ranges), reduced(load(x, j + h), ranges)
            c, d = reduced(load(x, j + 2 * h), ranges), reduced(load(x, j + 3 * h), ranges)
            a, e = butterfly(a, load(x, n), w1, w1s, ranges)
            b, f = butterfly(b, load(x, n + h), w1, w1s, ranges)
            c, g = butterfly(c, load(x, n + 2 * h), w1, w1s, ranges)
            d, o = butterfly(d, load(x, n + 3 * h), w1, w1s, ranges)
            a, b, c, d = _join(butterfly, a, b, c, d, upper, ranges)
            store(x, j, a)
            store(x, j + h, b)
            store(x, j + 2 * h, c)
            store(x, j + 3 * h, d)
            e, f, g, o = _join(butterfly, e, f, g, o, lower, ranges)
            store(x, n, e)
            store(x, n + h, f)
            store(x, n + 2 * h, g)
            store(x, n + 3 * h, o)


@inline
def _forward_radix4(butterfly, reduced, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (m, t) and (2m, t/2) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        factors = factors_of_group(w, w_shoup, m + i)
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b = reduced(load(x, j), ranges), reduced(load(x, j + h), ranges)
            c, d = load(x, j + t), load(x, j + t + h)
            a, b, c, d = _join(butterfly, a, b, c, d, factors, ranges)
            store(x, j, a)
            store(x, j + h, b)
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _forward_stage4(butterfly, reduced, u, v, w, w_shoup, k, ranges):
    w, w_shoup = halves(w, k), halves(w_shoup, k)
    return butterfly(reduced(low_halves(u, v), ranges), high_halves(u, v), w, w_shoup, ranges)


@inline
def _forward_stage2(butterfly, a, b, c, d, w, w_shoup, k, ranges):
    """The stage of the pairs (a, b) and (c, d)."""
    (w, v), (w_shoup, v_shoup) = pairs(w, k), pairs(w_shoup, k)
    a, b = butterfly(low_pairs(a, b), high_pairs(a, b), w, w_shoup, ranges)
    c, d = butterfly(low_pairs(c, d), high_pairs(c, d), v, v_shoup, ranges)
    return a, b, c, d


@inline
def _forward_stage1(butterfly, u, v, w, w_shoup, k, ranges):
    return butterfly(even_lanes(u, v), odd_lanes(u, v), load(w, k), load(w_shoup, k), ranges)


@inline
def _forward_tail(butterfly, reduced, below_q, x, w, w_shoup, start, stop, ranges):
    """Stages t = 4, 2, 1 of x[start:stop] inside registers; out in [0, q).

    Four independent pairs of vectors take turns, so that none waits for its own last result.
    """
    N = x.size
    for j in range(start, stop, 64):
        fetch_factors(w, w_shoup, N + j + AHEAD)
        a, b, c, d = load(x, j), load(x, j + 8), load(x, j + 16), load(x, j + 24)
        e, f, g, h = load(x, j + 32), load(x, j + 40), load(x, j + 48), load(x, j + 56)
        k = (N + j) >> 3
        a, b = _forward_stage4(butterfly, reduced, a, b, w, w_shoup, k, ranges)
        c, d = _forward_stage4(butterfly, reduced, c, d, w, w_shoup, k + 2, ranges)
        e, f = _forward_stage4(butterfly, reduced, e, f, w, w_shoup, k + 4, ranges)
        g, h = _forward_stage4(butterfly, reduced, g, h, w, w_shoup, k + 6, ranges)
        k = (N + j) >> 2
        a, b, c, d = _forward_stage2(butterfly, a, b, c, d, w, w_shoup, k, ranges)
        e, f, g, h = _forward_stage2(butterfly, e, f, g, h, w, w_shoup, k + 8, ranges)
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
    store(x, j, joined_low(u, v))
    store(x, j + 8, joined_high(u, v))


@inline
def _forward_row(butterfly, reduced, below_q, x, row):
    """`forward_row` with one kind of butterflies."""
    w, w_shoup = twiddles(row, x.size, W), twiddles(row, x.size, W_SHOUP)
    ranges = ranges_of(row, _TWO)
    fours = (3 - count_stages(x.size) % 3) % 3  # passes of two stages; all others take three
    m, t = 1, x.size >> 1
    while 2 * t > BLOCK:
        _forward_radix8(butterfly, reduced, x, w, w_shoup, m, t, 0, m, ranges)
        m, t = m << 3, t >> 3
    # A short row is one block: the stages inside registers take 64 words at a time.
    for block in range(m):
        block_m, block_t, first, last = m, t, block, block + 1
        while block_t >= 8 << 2 * fours + 1:
            _forward_radix8(
                butterfly, reduced, x, w, w_shoup, block_m, block_t, first, last, ranges
            )
            block_m, block_t, first, last = block_m << 3, block_t >> 3, first << 3, last << 3
        while block_t >= 16:
            _forward_radix4(
                butterfly, reduced, x, w, w_shoup, block_m, block_t, first, last, ranges
            )
            block_m, block_t, first, last = block_m << 2, block_t >> 2, first << 2, last << 2
        start = 2 * t * block
        _forward_tail(butterfly, reduced, below_q, x, w, w_shoup, start, start + 2 * t, ranges)


@kernel
def _forward_row_wide(x, row):
    _forward_row(cooley_tukey, unchanged, below_q, x, row)


@kernel
def _forward_row_middle(x, row):
    _forward_row(narrow_cooley_tukey, narrow_reduced, narrow_below_q, x, row)


@kernel
def _forward_row_narrow(x, row):
    _forward_row(narrow_cooley_tukey, unchanged, narrow_below_q, x, row)


@kernel
def forward_row(x, row):
    """In-place transform of one row by the tables' row; input below 4q, output in [0, q)."""
    if is_below(row, NARROW_FORWARD):
        _forward_row_narrow(x, row)
    elif is_below(row, MIDDLE):
        _forward_row_middle(x, row)
    else:
        _forward_row_wide(x, row)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        forward_row(x[r], tables[rows[r]])
