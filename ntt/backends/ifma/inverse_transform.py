"""The inverse negacyclic transform, eight lanes of 52-bit words at a time.

The first three stages happen inside registers. Then radix-4 passes take two stages each, block by
block as long as a block fits the first-level cache. The last pass takes three stages, or two, and
scales. Source and target may differ, so that nothing is copied before.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.arithmetic import ONE, shoup_lazy
from ntt.backends.ifma.butterflies import (
    MIDDLE,
    NARROW_INVERSE,
    gentleman_sande,
    is_below,
    narrow_gentleman_sande,
    narrow_reduced,
    ranges_of,
    scaled,
    unchanged,
)
from ntt.backends.ifma.lanes import (
    AHEAD,
    BLOCK,
    broadcast,
    even_lanes,
    factors_of_group,
    fetch_factors,
    halves,
    high_halves,
    joined_parts,
    low_halves,
    odd_lanes,
    pairs,
    parted_evens,
    parted_odds,
    quads_high,
    quads_low,
)
from ntt.backends.layout import (
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    ONE_SHOUP,
    W_INVERSE,
    W_INVERSE_SHOUP,
)
from ntt.backends.twiddles import twiddles
from ntt.jit import inline, kernel
from ntt.simd.integers import load, prefetch_second, splat, store, vmin

_TWO, _FOUR, _EIGHT = np.uint64(2), np.uint64(4), np.uint64(8)


@inline
def _inverse_stage1(butterfly, u, v, w, w_shoup, k, ranges):
    return butterfly(parted_evens(u, v), parted_odds(u, v), load(w, k), load(w_shoup, k), ranges)


@inline
def _inverse_stage2(butterfly, a, b, c, d, w, w_shoup, k, ranges):
    """The stage of the pairs (a, b) and (c, d)."""
    (w, v), (w_shoup, v_shoup) = pairs(w, k), pairs(w_shoup, k)
    a, b = butterfly(even_lanes(a, b), odd_lanes(a, b), w, w_shoup, ranges)
    c, d = butterfly(even_lanes(c, d), odd_lanes(c, d), v, v_shoup, ranges)
    return a, b, c, d


@inline
def _inverse_stage4(butterfly, u, v, w, w_shoup, k, ranges):
    w, w_shoup = halves(w, k), halves(w_shoup, k)
    return butterfly(quads_low(u, v), quads_high(u, v), w, w_shoup, ranges)


@inline
def _inverse_tail(butterfly, reduced, again, out, x, w, w_shoup, start, stop, ranges):
    """Stages t = 1, 2, 4 of x[start:stop] inside registers, four pairs of vectors side by side."""
    N = x.size
    for j in range(start, stop, 64):
        fetch_factors(w, w_shoup, N + j + AHEAD)
        for line in range(0, 64, 8):
            prefetch_second(x, j + AHEAD + line)
            prefetch_second(out, j + AHEAD + line)
        a, b, c, d = load(x, j), load(x, j + 8), load(x, j + 16), load(x, j + 24)
        e, f, g, h = load(x, j + 32), load(x, j + 40), load(x, j + 48), load(x, j + 56)
        k = (N + j) >> 1
        a, b = _inverse_stage1(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _inverse_stage1(butterfly, c, d, w, w_shoup, k + 8, ranges)
        e, f = _inverse_stage1(butterfly, e, f, w, w_shoup, k + 16, ranges)
        g, h = _inverse_stage1(butterfly, g, h, w, w_shoup, k + 24, ranges)
        k = (N + j) >> 2
        a, b, c, d = _inverse_stage2(butterfly, a, b, c, d, w, w_shoup, k, ranges)
        e, f, g, h = _inverse_stage2(butterfly, e, f, g, h, w, w_shoup, k + 8, ranges)
        a, c = again(a, ranges), again(c, ranges)
        e, g = again(e, ranges), again(g, ranges)
        k = (N + j) >> 3
        a, b = _inverse_stage4(butterfly, a, b, w, w_shoup, k, ranges)
        c, d = _inverse_stage4(butterfly, c, d, w, w_shoup, k + 2, ranges)
        e, f = _inverse_stage4(butterfly, e, f, w, w_shoup, k + 4, ranges)
        g, h = _inverse_stage4(butterfly, g, h, w, w_shoup, k + 6, ranges)
        _store_halves(out, j, reduced(a, ranges), b)
        _store_halves(out, j + 16, reduced(c, ranges), d)
        _store_halves(out, j + 32, reduced(e, ranges), f)
        _store_halves(out, j + 48, reduced(g, ranges), h)


@inline
def _store_halves(out, j, u, v):
    store(out, j, low_halves(u, v))
    store(out, j + 8, high_halves(u, v))


@inline
def _join(butterfly, a, b, c, d, factors, ranges):
    """Two stages of four vectors, with the `factors_of_group` of the second one."""
    w1, w1s, w2, w2s, w3, w3s = factors
    a, b = butterfly(a, b, w2, w2s, ranges)
    c, d = butterfly(c, d, w3, w3s, ranges)
    a, c = butterfly(a, c, w1, w1s, ranges)
    b, d = butterfly(b, d, w1, w1s, ranges)
    return a, b, c, d


@inline
def _inverse_radix4(butterfly, reduced, again, x, w, w_shoup, m, t, first, last, ranges):
    """Stages (2m, t/2) and (m, t) of groups [first, last)."""
    h = t >> 1
    for i in range(first, last):
        factors = factors_of_group(w, w_shoup, m + i)
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            a, b, c, d = _join(butterfly, a, b, c, d, factors, ranges)
            store(x, j, reduced(a, ranges))
            store(x, j + h, again(b, ranges))
            store(x, j + t, c)
            store(x, j + t + h, d)


@inline
def _last_stage(finish, x, j, t, a, c, factors, ranges):
    """The last stage of one pair of vectors, times 1/N."""
    _, offset, _, _, _ = ranges
    s, s_shoup, e, e_shoup, more = factors
    store(x, j, finish(a + c, s, s_shoup, more, ranges))
    store(x, j + t, finish(a + offset - c, e, e_shoup, more, ranges))


@inline
def _last_pass8(butterfly, reduced, finish, x, w, w_shoup, factors, ranges):
    """The last three stages."""
    t = x.size >> 3
    upper, lower = factors_of_group(w, w_shoup, 2), factors_of_group(w, w_shoup, 3)
    for j in range(0, t, 8):
        i = j + 4 * t
        a, b, c, d = load(x, j), load(x, j + t), load(x, j + 2 * t), load(x, j + 3 * t)
        a, b, c, d = _join(butterfly, a, b, c, d, upper, ranges)
        e, f, g, h = load(x, i), load(x, i + t), load(x, i + 2 * t), load(x, i + 3 * t)
        e, f, g, h = _join(butterfly, e, f, g, h, lower, ranges)
        a, e = reduced(a, ranges), reduced(e, ranges)
        _last_stage(finish, x, j, 4 * t, a, e, factors, ranges)
        _last_stage(finish, x, j + t, 4 * t, b, f, factors, ranges)
        _last_stage(finish, x, j + 2 * t, 4 * t, c, g, factors, ranges)
        _last_stage(finish, x, j + 3 * t, 4 * t, d, h, factors, ranges)


@inline
def _last_pass4(butterfly, finish, x, w, w_shoup, factors, ranges):
    """The last two stages."""
    t = x.size >> 2
    w2, w2s = broadcast(w, 2), broadcast(w_shoup, 2)
    w3, w3s = broadcast(w, 3), broadcast(w_shoup, 3)
    for j in range(0, t, 8):
        a, b = butterfly(load(x, j), load(x, j + t), w2, w2s, ranges)
        c, d = butterfly(load(x, j + 2 * t), load(x, j + 3 * t), w3, w3s, ranges)
        _last_stage(finish, x, j, 2 * t, a, c, factors, ranges)
        _last_stage(finish, x, j + t, 2 * t, b, d, factors, ranges)


@inline
def _inverse_row(butterfly, reduced, again, finish, out, x, row, more, ranges):
    """`inverse_row` with one kind of butterflies and of end."""
    N = x.size
    w, w_shoup = twiddles(row, N, W_INVERSE), twiddles(row, N, W_INVERSE_SHOUP)
    factors = (
        splat(row[N_INVERSE]),
        splat(row[N_INVERSE_SHOUP]),
        splat(row[N_INVERSE_W]),
        splat(row[N_INVERSE_W_SHOUP]),
        more,
    )
    last_t = N // joined_parts(N) >> 1
    block_t = last_t
    while 2 * block_t > BLOCK:
        block_t >>= 2
    length = max(2 * block_t, 64)  # the stages inside registers take 64 words at a time
    for start in range(0, N, length):
        stop = start + length
        _inverse_tail(butterfly, reduced, again, out, x, w, w_shoup, start, stop, ranges)
        t = 16
        while t <= block_t:
            first, last = start // (2 * t), stop // (2 * t)
            m = N // (2 * t)
            _inverse_radix4(
                butterfly, reduced, again, out, w, w_shoup, m, t, first, last, ranges
            )
            t <<= 2
    t = block_t << 2
    while t <= last_t:
        m = N // (2 * t)
        _inverse_radix4(butterfly, reduced, again, out, w, w_shoup, m, t, 0, m, ranges)
        t <<= 2
    if joined_parts(N) == 8:
        _last_pass8(butterfly, reduced, finish, out, w, w_shoup, factors, ranges)
    else:
        _last_pass4(butterfly, finish, out, w, w_shoup, factors, ranges)


@inline
def _scaled(u, w, w_shoup, more, ranges):
    """u w mod q."""
    return scaled(u, w, w_shoup, ranges)


@inline
def _scaled_and_added(u, w, w_shoup, more, ranges):
    """u w factor + addend mod q."""
    factor, factor_shoup, addend = more
    q, _, negative_q, mask, _ = ranges
    u = scaled(shoup_lazy(u, w, w_shoup, negative_q, mask), factor, factor_shoup, ranges)
    u = u + addend
    return vmin(u, u - q)


@inline
def _wide(finish, out, x, row, more):
    """`_inverse_row` for moduli up to 2^50."""
    _inverse_row(
        gentleman_sande, unchanged, unchanged, finish, out, x, row, more, ranges_of(row, _TWO)
    )


@inline
def _middle(finish, out, x, row, more):
    """`_inverse_row` for moduli below `MIDDLE`."""
    _inverse_row(
        narrow_gentleman_sande, narrow_reduced, narrow_reduced, finish, out, x, row, more,
        ranges_of(row, _FOUR),
    )  # fmt: skip


@inline
def _narrow(finish, out, x, row, more):
    """`_inverse_row` for moduli below `NARROW_INVERSE`."""
    _inverse_row(
        narrow_gentleman_sande, narrow_reduced, unchanged, finish, out, x, row, more,
        ranges_of(row, _EIGHT),
    )  # fmt: skip


@kernel
def _inverse_row_wide(x, row):
    _wide(_scaled, x, x, row, 0)


@kernel
def _inverse_row_middle(x, row):
    _middle(_scaled, x, x, row, 0)


@kernel
def _inverse_row_narrow(x, row):
    _narrow(_scaled, x, x, row, 0)


@kernel
def inverse_row(x, row):
    """In-place inverse of one row by the tables' row; input below 2q, output in [0, q)."""
    if is_below(row, NARROW_INVERSE):
        _inverse_row_narrow(x, row)
    elif is_below(row, MIDDLE):
        _inverse_row_middle(x, row)
    else:
        _inverse_row_wide(x, row)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        inverse_row(x[r], tables[rows[r]])


@kernel
def _affine_row_wide(out, x, scalar, scalar_shoup, addend, row):
    _wide(_scaled_and_added, out, x, row, (splat(scalar), splat(scalar_shoup), splat(addend)))


@kernel
def _affine_row_middle(out, x, scalar, scalar_shoup, addend, row):
    _middle(_scaled_and_added, out, x, row, (splat(scalar), splat(scalar_shoup), splat(addend)))


@kernel
def _affine_row_narrow(out, x, scalar, scalar_shoup, addend, row):
    _narrow(_scaled_and_added, out, x, row, (splat(scalar), splat(scalar_shoup), splat(addend)))


@kernel
def inverse_affine(out, x, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = INTT(x[r]) scalars[r] + addends[r]; out may be x; scalars may be empty for 1."""
    for r in range(lo, hi):
        row = tables[rows[r]]
        scalar, scalar_shoup = ONE, row[ONE_SHOUP]
        if scalars.size:
            scalar, scalar_shoup = scalars[r], scalars_shoup[r]
        if is_below(row, NARROW_INVERSE):
            _affine_row_narrow(out[r], x[r], scalar, scalar_shoup, addends[r], row)
        elif is_below(row, MIDDLE):
            _affine_row_middle(out[r], x[r], scalar, scalar_shoup, addends[r], row)
        else:
            _affine_row_wide(out[r], x[r], scalar, scalar_shoup, addends[r], row)
