"""Sums of products with one reduction for many terms: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends.ifma.arithmetic import (
    ZERO,
    barrett,
    barrett_constants,
    fold_constants,
    fold_wide,
)
from ntt.jit import inline, kernel
from ntt.simd.integers import (
    fence,
    load,
    multiply_add_high,
    multiply_add_low,
    splat,
    store,
    stream,
)

TERMS = 7
"""How many products of numbers below 2^50 fit on top of a reduced high word, below 2q < 2^51.

Their high words are below 2^48. So the high sum stays below 2^52 - 2^48, which leaves room for the
carry of the low sum.
"""
STREAMED_WORDS = 1 << 20
"""Results of so many words are stored past the caches, which they would not fit: half the traffic.
"""
LINE_BYTES = 64
# Terms that are read side by side. Each reads three rows, which lie a power of two apart and so
# compete for the same few places of the first-level cache. The sum of these terms is reduced and
# carried on.
_STREAMED = 4


@inline
def accumulate(low, high, x, y):
    """(low, high) plus the low and high 52 bits of x y."""
    return multiply_add_low(low, x, y), multiply_add_high(high, x, y)


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    zero = splat(ZERO)
    streams = out.size >= STREAMED_WORDS and out.ctypes.data % LINE_BYTES == 0
    for r in range(lo, hi):
        fold, constants = fold_constants(tables[rows[r]]), barrett_constants(tables[rows[r]])
        a0, a1, b0, b1 = a[0, r], a[1, r], b[0, r], b[1, r]
        z0, z1, z2 = out[0, r], out[1, r], out[2, r]
        for i in range(0, z0.size, 8):
            x0, x1, y0, y1 = load(a0, i), load(a1, i), load(b0, i), load(b1, i)
            low, high = accumulate(zero, zero, x0, y1)
            low, high = accumulate(low, high, x1, y0)
            z = fold_wide(low, high, fold)
            x, y = barrett(x0, y0, constants), barrett(x1, y1, constants)
            if streams:
                stream(z1, i, z)
                stream(z0, i, x)
                stream(z2, i, y)
            else:
                store(z1, i, z)
                store(z0, i, x)
                store(z2, i, y)
    fence()


@inline
def _accumulate_term(sums, w, p0, p1, i):
    """`sums` of both parts of two vectors of columns, plus w times (p0, p1)."""
    low0, high0, low1, high1, low2, high2, low3, high3 = sums
    x, y = load(w, i), load(w, i + 8)
    low0, high0 = accumulate(low0, high0, x, load(p0, i))
    low1, high1 = accumulate(low1, high1, x, load(p1, i))
    low2, high2 = accumulate(low2, high2, y, load(p0, i + 8))
    low3, high3 = accumulate(low3, high3, y, load(p1, i + 8))
    return low0, high0, low1, high1, low2, high2, low3, high3


@inline
def _start_sums(z0, z1, i, continued):
    """The sums of no terms, or of the earlier terms' sums in z0 and z1."""
    zero = splat(ZERO)
    if continued:
        a, b, c, d = load(z0, i), load(z1, i), load(z0, i + 8), load(z1, i + 8)
        return a, zero, b, zero, c, zero, d, zero
    return zero, zero, zero, zero, zero, zero, zero, zero


@inline
def _store_sums(z0, z1, i, sums, fold, streams):
    low0, high0, low1, high1, low2, high2, low3, high3 = sums
    a, b = fold_wide(low0, high0, fold), fold_wide(low1, high1, fold)
    c, d = fold_wide(low2, high2, fold), fold_wide(low3, high3, fold)
    if streams:
        stream(z0, i, a)
        stream(z1, i, b)
        stream(z0, i + 8, c)
        stream(z1, i + 8, d)
    else:
        store(z0, i, a)
        store(z1, i, b)
        store(z0, i + 8, c)
        store(z1, i + 8, d)


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1."""
    count = digits.shape[0]
    # The parts of a whole product lie as far apart as one of them is long.
    is_large = out.strides[0] >= 8 * STREAMED_WORDS and count <= _STREAMED
    streams = is_large and out.ctypes.data % LINE_BYTES == 0
    for r in range(lo, hi):
        fold = fold_constants(tables[rows[r]])
        k = key_rows[r]
        z0, z1 = out[0, r], out[1, r]
        for first in range(0, max(count, 1), _STREAMED):
            some, keys = digits[first : first + _STREAMED], key[first : first + _STREAMED]
            for i in range(0, z0.size, 16):
                sums = _start_sums(z0, z1, i, first > 0)
                for d in range(some.shape[0]):
                    sums = _accumulate_term(sums, some[d, r], keys[d, 0, k], keys[d, 1, k], i)
                _store_sums(z0, z1, i, sums, fold, streams)
    fence()
