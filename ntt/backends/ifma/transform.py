"""Forward and inverse negacyclic transforms, eight lanes of 52-bit words at a time.

Radix-4 passes take two stages in one pass over memory. They go down to vectors of eight, block by
block once a block fits the first-level cache. The last three stages happen inside registers.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.butterflies import (
    below_q,
    cooley_tukey,
    gentleman_sande,
    is_narrow,
    narrow_below_q,
    narrow_cooley_tukey,
    narrow_gentleman_sande,
    narrow_reduced,
    ranges_of,
    scaled,
    unchanged,
)
from ntt.backends.layout import (
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    W_INVERSE,
    W_INVERSE_SHOUP,
    W_SHOUP,
    W,
)
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.simd.integers import load, shuffle, splat, store

_TWO, _EIGHT = np.uint64(2), np.uint64(8)
_BLOCK = 4096  # words: half of a 64 KiB or two thirds of a 48 KiB first-level cache

_low_halves = shuffle((0, 1, 2, 3, 8, 9, 10, 11))
_high_halves = shuffle((4, 5, 6, 7, 12, 13, 14, 15))
_low_pairs = shuffle((0, 1, 8, 9, 4, 5, 12, 13))
_high_pairs = shuffle((2, 3, 10, 11, 6, 7, 14, 15))
_even_lanes = shuffle((0, 8, 2, 10, 4, 12, 6, 14))
_odd_lanes = shuffle((1, 9, 3, 11, 5, 13, 7, 15))
_interleave_low = shuffle((0, 8, 1, 9, 2, 10, 3, 11))
_interleave_high = shuffle((4, 12, 5, 13, 6, 14, 7, 15))
_evens = shuffle((0, 2, 4, 6, 8, 10, 12, 14))
_odds = shuffle((1, 3, 5, 7, 9, 11, 13, 15))
_each_twice = shuffle((0, 0, 1, 1, 2, 2, 3, 3))
_each_four_times = shuffle((0, 0, 0, 0, 1, 1, 1, 1))


@inline
def _count_stages(N):
    """How many stages lie outside registers: log2(N) - 3."""
    stages = 0
    while (8 << stages) < N:
        stages += 1
    return stages


# ---------------------------------------------------------------- forward


@inline
def _forward_radix2(butterfly, x, w, w_shoup, t, ranges):
    """The first stage."""
    w1, w1s = splat(w[1]), splat(w_shoup[1])
    for j in range(0, t, 8):
        a, c = butterfly(load(x, j), load(x, j + t), w1, w1s, ranges)
        store(x, j, a)
        store(x, j + t, c)


@inline
def _forward_radix4(butterfly, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (m, t) and (2m, t/2) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        k = m + i
        w1, w1s = splat(w[k]), splat(w_shoup[k])
        w2, w2s = splat(w[2 * k]), splat(w_shoup[2 * k])
        w3, w3s = splat(w[2 * k + 1]), splat(w_shoup[2 * k + 1])
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, c = butterfly(load(x, j), load(x, j + t), w1, w1s, ranges)
            b, d = butterfly(load(x, j + h), load(x, j + t + h), w1, w1s, ranges)
            a, b = butterfly(a, b, w2, w2s, ranges)
            c, d = butterfly(c, d, w3, w3s, ranges)
            store(x, j, a)
            store(x, j + h, b)
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _forward_stage4(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = _each_four_times(w, w), _each_four_times(w_shoup, w_shoup)
    return butterfly(_low_halves(u, v), _high_halves(u, v), w, w_shoup, ranges)


@inline
def _forward_stage2(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = _each_twice(w, w), _each_twice(w_shoup, w_shoup)
    return butterfly(_low_pairs(u, v), _high_pairs(u, v), w, w_shoup, ranges)


@inline
def _forward_stage1(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    return butterfly(_even_lanes(u, v), _odd_lanes(u, v), w, w_shoup, ranges)


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
    store(x, j, _interleave_low(u, v))
    store(x, j + 8, _interleave_high(u, v))


@inline
def _forward_row(butterfly, below_q, x, row):
    """`forward_row` with one kind of butterflies."""
    N = x.size
    w, w_shoup = twiddles(row, N, W), twiddles(row, N, W_SHOUP)
    ranges = ranges_of(row, _TWO)
    m, t = 1, N >> 1
    if _count_stages(N) & 1:
        _forward_radix2(butterfly, x, w, w_shoup, t, ranges)
        m, t = 2, t >> 1
    while t >= 16 and 2 * t > _BLOCK:
        _forward_radix4(butterfly, x, w, w_shoup, m, t, 0, m, ranges)
        m, t = m << 2, t >> 2
    for block in range(m):
        block_m, block_t, first, last = m, t, block, block + 1
        while block_t >= 16:
            _forward_radix4(butterfly, x, w, w_shoup, block_m, block_t, first, last, ranges)
            block_m, block_t, first, last = block_m << 2, block_t >> 2, first << 2, last << 2
        _forward_tail(
            butterfly, below_q, x, w, w_shoup, 2 * t * block, 2 * t * (block + 1), ranges
        )


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


# ---------------------------------------------------------------- inverse


@inline
def _inverse_stage1(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    return butterfly(_evens(u, v), _odds(u, v), w, w_shoup, ranges)


@inline
def _inverse_stage2(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = _each_twice(w, w), _each_twice(w_shoup, w_shoup)
    return butterfly(_even_lanes(u, v), _odd_lanes(u, v), w, w_shoup, ranges)


@inline
def _inverse_stage4(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = load(w, k), load(w_shoup, k)
    w, w_shoup = _each_four_times(w, w), _each_four_times(w_shoup, w_shoup)
    return butterfly(_low_pairs(u, v), _high_pairs(u, v), w, w_shoup, ranges)


@inline
def _inverse_tail(butterfly, reduced, x, w, w_shoup, start, stop, ranges):
    """Stages t = 1, 2, 4 of x[start:stop] inside registers, two pairs of vectors side by side."""
    N = x.size
    for j in range(start, stop, 32):
        a, b, c, d = load(x, j), load(x, j + 8), load(x, j + 16), load(x, j + 24)
        k = (N + j) >> 1
        a, b = _inverse_stage1(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _inverse_stage1(butterfly, c, d, w, w_shoup, k + 8, ranges)
        k = (N + j) >> 2
        a, b = _inverse_stage2(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _inverse_stage2(butterfly, c, d, w, w_shoup, k + 4, ranges)
        k = (N + j) >> 3
        a, b = _inverse_stage4(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _inverse_stage4(butterfly, c, d, w, w_shoup, k + 2, ranges)
        a, c = reduced(a, ranges), reduced(c, ranges)
        store(x, j, _low_halves(a, b))
        store(x, j + 8, _high_halves(a, b))
        store(x, j + 16, _low_halves(c, d))
        store(x, j + 24, _high_halves(c, d))


@inline
def _inverse_radix4(butterfly, reduced, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (2m, t/2) and (m, t) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        k = m + i
        w1, w1s = splat(w[k]), splat(w_shoup[k])
        w2, w2s = splat(w[2 * k]), splat(w_shoup[2 * k])
        w3, w3s = splat(w[2 * k + 1]), splat(w_shoup[2 * k + 1])
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b = butterfly(load(x, j), load(x, j + h), w2, w2s, ranges)
            c, d = butterfly(load(x, j + t), load(x, j + t + h), w3, w3s, ranges)
            a, c = butterfly(a, c, w1, w1s, ranges)
            b, d = butterfly(b, d, w1, w1s, ranges)
            store(x, j, reduced(a, ranges))
            store(x, j + h, b)
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _inverse_last_radix2(x, row, ranges):
    """The last stage (m = 1) times 1/N; out in [0, q)."""
    _, offset, _, _, _ = ranges
    s, ss = splat(row[N_INVERSE]), splat(row[N_INVERSE_SHOUP])
    e, es = splat(row[N_INVERSE_W]), splat(row[N_INVERSE_W_SHOUP])
    t = x.size >> 1
    for j in range(0, t, 8):
        a, c = load(x, j), load(x, j + t)
        store(x, j, scaled(a + c, s, ss, ranges))
        store(x, j + t, scaled(a + offset - c, e, es, ranges))


@inline
def _inverse_last_radix4(butterfly, x, w, w_shoup, row, ranges):
    """The last two stages times 1/N; out in [0, q)."""
    _, offset, _, _, _ = ranges
    s, ss = splat(row[N_INVERSE]), splat(row[N_INVERSE_SHOUP])
    e, es = splat(row[N_INVERSE_W]), splat(row[N_INVERSE_W_SHOUP])
    w2, w2s = splat(w[2]), splat(w_shoup[2])
    w3, w3s = splat(w[3]), splat(w_shoup[3])
    t = x.size >> 1
    h = t >> 1
    for j in range(0, h, 8):
        a, b = butterfly(load(x, j), load(x, j + h), w2, w2s, ranges)
        c, d = butterfly(load(x, j + t), load(x, j + t + h), w3, w3s, ranges)
        store(x, j, scaled(a + c, s, ss, ranges))
        store(x, j + h, scaled(b + d, s, ss, ranges))
        store(x, j + t, scaled(a + offset - c, e, es, ranges))
        store(x, j + t + h, scaled(b + offset - d, e, es, ranges))


@inline
def _inverse_row(butterfly, reduced, x, row, ranges):
    """`inverse_row` with one kind of butterflies."""
    N = x.size
    w, w_shoup = twiddles(row, N, W_INVERSE), twiddles(row, N, W_INVERSE_SHOUP)
    # The last pass takes one stage when their number is odd, two when it is even.
    single = _count_stages(N) & 1
    last_t = N >> 2 if single else N >> 3
    block_t = last_t
    while 2 * block_t > _BLOCK:
        block_t >>= 2
    for start in range(0, N, 2 * block_t):
        stop = start + 2 * block_t
        _inverse_tail(butterfly, reduced, x, w, w_shoup, start, stop, ranges)
        t = 16
        while t <= block_t:
            first, last = start // (2 * t), stop // (2 * t)
            m = N // (2 * t)
            _inverse_radix4(butterfly, reduced, x, w, w_shoup, m, t, first, last, ranges)
            t <<= 2
    t = block_t << 2
    while t <= last_t:
        m = N // (2 * t)
        _inverse_radix4(butterfly, reduced, x, w, w_shoup, m, t, 0, m, ranges)
        t <<= 2
    if single:
        _inverse_last_radix2(x, row, ranges)
    else:
        _inverse_last_radix4(butterfly, x, w, w_shoup, row, ranges)


@kernel
def _inverse_row_wide(x, row):
    _inverse_row(gentleman_sande, unchanged, x, row, ranges_of(row, _TWO))


@kernel
def _inverse_row_narrow(x, row):
    _inverse_row(narrow_gentleman_sande, narrow_reduced, x, row, ranges_of(row, _EIGHT))


@kernel
def inverse_row(x, row):
    """In-place inverse of one row by the tables' row; input below 2q, output in [0, q)."""
    if is_narrow(row):
        _inverse_row_narrow(x, row)
    else:
        _inverse_row_wide(x, row)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        inverse_row(x[r], tables[rows[r]])
