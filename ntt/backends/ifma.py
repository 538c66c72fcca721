"""Kernels on AVX-512 IFMA: eight lanes of 52-bit products, primes below 2^50, N >= 64.

Ranges follow Harvey (arXiv:1205.2926): forward values stay below 4q < 2^52, inverse values below
2q. Every kernel works on rows [lo, hi) of contiguous (rows, N) uint64 arrays; ``rows[r]`` names the
row of the tables. Results are in [0, q).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ntt.simd import (
    load,
    multiply_add_high,
    multiply_add_low,
    shuffle,
    splat,
    store,
    vmin,
)
from ntt.tables import (
    MU,
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    ONE_SHOUP,
    RADIX,
    RADIX_SHOUP,
    SHIFT,
    Q,
)

NAME = "ifma"
WORD_BITS = 52
MAX_MODULUS_BITS = 50
MIN_RING_DEGREE = 64
CPU_FEATURES = ("avx512f", "avx512ifma")

_MASK = np.uint64((1 << 52) - 1)
_ZERO = np.uint64(0)
_WORD = np.uint64(52)
# Products of two residues are below 2^100: after 8 of them on top of a reduced high word
# (below 2q < 2^51) the high accumulator is still below 2^52.
_TERMS = 8
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

kernel = njit(cache=True, nogil=True, boundscheck=False)
inline = njit(inline="always")


@inline
def shoup_lazy(y, w, w_shoup, negative_q, mask):
    """w y mod q in [0, 2q) for any y < 2^52; negative_q = 2^52 - q."""
    zero = splat(_ZERO)
    quotient = multiply_add_high(zero, w_shoup, y)
    low = multiply_add_low(zero, w, y)
    return multiply_add_low(low, quotient, negative_q) & mask


@inline
def barrett(x, y, q, negative_q, mu, shift, up_shift, mask):
    """x y mod q for x, y in [0, q); shift = n - 2, up_shift = 52 - shift.

    The quotient estimate is short by at most 1/2 + 1 + 1, hence a remainder below 3q.
    """
    zero = splat(_ZERO)
    low = multiply_add_low(zero, x, y)
    high = multiply_add_high(zero, x, y)
    t = (high << up_shift) | (low >> shift)
    quotient = multiply_add_high(zero, t, mu)
    r = multiply_add_low(low, quotient, negative_q) & mask
    r = vmin(r, r - q)
    return vmin(r, r - q)


@inline
def fold_wide(low, high, fold):
    """(high 2^52 + low) mod q for low < 2^64 and high + low / 2^52 < 2^52.

    fold: `_fold_constants` of the modulus.
    """
    q, two_q, negative_q, radix, radix_shoup, one, one_shoup, mask, word = fold
    high = high + (low >> word)
    low = low & mask
    total = shoup_lazy(high, radix, radix_shoup, negative_q, mask)
    total = total + shoup_lazy(low, one, one_shoup, negative_q, mask)
    total = vmin(total, total - two_q)
    return vmin(total, total - q)


@inline
def _negative(q):
    return splat((_ZERO - q) & _MASK)


# ---------------------------------------------------------------- forward transform


@inline
def _forward_radix2(x, w, w_shoup, m, t, q):
    mask, two_q, negative_q = splat(_MASK), splat(q + q), _negative(q)
    for i in range(m):
        w1, w1s = splat(w[m + i]), splat(w_shoup[m + i])
        for j in range(2 * i * t, 2 * i * t + t, 8):
            a, c = load(x, j), load(x, j + t)
            a = vmin(a, a - two_q)
            c = shoup_lazy(c, w1, w1s, negative_q, mask)
            store(x, j, a + c)
            store(x, j + t, a + two_q - c)


@inline
def _forward_radix4(x, w, w_shoup, m, t, first, last, q):
    """Stages (m, t) and (2m, t/2) of groups [first, last); in and out below 4q."""
    mask, two_q, negative_q = splat(_MASK), splat(q + q), _negative(q)
    h = t >> 1
    for i in range(first, last):
        k = m + i
        w1, w1s = splat(w[k]), splat(w_shoup[k])
        w2, w2s = splat(w[2 * k]), splat(w_shoup[2 * k])
        w3, w3s = splat(w[2 * k + 1]), splat(w_shoup[2 * k + 1])
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            a = vmin(a, a - two_q)
            b = vmin(b, b - two_q)
            c = shoup_lazy(c, w1, w1s, negative_q, mask)
            d = shoup_lazy(d, w1, w1s, negative_q, mask)
            a2, c2 = a + c, a + two_q - c
            b2, d2 = b + d, b + two_q - d
            a2 = vmin(a2, a2 - two_q)
            c2 = vmin(c2, c2 - two_q)
            b2 = shoup_lazy(b2, w2, w2s, negative_q, mask)
            d2 = shoup_lazy(d2, w3, w3s, negative_q, mask)
            store(x, j, a2 + b2)
            store(x, j + h, a2 + two_q - b2)
            store(x, j + t, c2 + d2)
            store(x, j + t + h, c2 + two_q - d2)


@inline
def _forward_tail(x, w, w_shoup, N, start, stop, q):
    """Stages t = 4, 2, 1 of x[start:stop] inside registers; out in [0, q)."""
    mask, two_q, negative_q, vq = splat(_MASK), splat(q + q), _negative(q), splat(q)
    for j in range(start, stop, 16):
        u, v = load(x, j), load(x, j + 8)
        k = (N + j) >> 3
        w1, w1s = load(w, k), load(w_shoup, k)
        a, c = _low_halves(u, v), _high_halves(u, v)
        a = vmin(a, a - two_q)
        c = shoup_lazy(c, _each_four_times(w1, w1), _each_four_times(w1s, w1s), negative_q, mask)
        u, v = a + c, a + two_q - c
        k = (N + j) >> 2
        w1, w1s = load(w, k), load(w_shoup, k)
        a, c = _low_pairs(u, v), _high_pairs(u, v)
        a = vmin(a, a - two_q)
        c = shoup_lazy(c, _each_twice(w1, w1), _each_twice(w1s, w1s), negative_q, mask)
        u, v = a + c, a + two_q - c
        k = (N + j) >> 1
        a, c = _even_lanes(u, v), _odd_lanes(u, v)
        a = vmin(a, a - two_q)
        c = shoup_lazy(c, load(w, k), load(w_shoup, k), negative_q, mask)
        u, v = a + c, a + two_q - c
        u, v = vmin(u, u - two_q), vmin(v, v - two_q)
        u, v = vmin(u, u - vq), vmin(v, v - vq)
        store(x, j, _interleave_low(u, v))
        store(x, j + 8, _interleave_high(u, v))


@kernel
def forward_row(x, w, w_shoup, q):
    """In-place transform of one row; input below 4q, output in [0, q)."""
    N = x.size
    m, t = 1, N >> 1
    stages = 0
    while (8 << stages) < N:
        stages += 1
    if stages & 1:
        _forward_radix2(x, w, w_shoup, 1, t, q)
        m, t = 2, t >> 1
    while t >= 16 and 2 * t > _BLOCK:
        _forward_radix4(x, w, w_shoup, m, t, 0, m, q)
        m, t = m << 2, t >> 2
    for block in range(m):
        block_m, block_t, first, last = m, t, block, block + 1
        while block_t >= 16:
            _forward_radix4(x, w, w_shoup, block_m, block_t, first, last, q)
            block_m, block_t, first, last = block_m << 2, block_t >> 2, first << 2, last << 2
        _forward_tail(x, w, w_shoup, N, 2 * t * block, 2 * t * (block + 1), q)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        k = rows[r]
        forward_row(x[r], tables.w[k], tables.w_shoup[k], tables.constants[k, Q])


# ---------------------------------------------------------------- inverse transform


@inline
def _inverse_tail(x, w, w_shoup, N, start, stop, q):
    """Stages t = 1, 2, 4 of x[start:stop] inside registers; in below 2q, out below 2q."""
    mask, two_q, negative_q = splat(_MASK), splat(q + q), _negative(q)
    for j in range(start, stop, 16):
        u, v = load(x, j), load(x, j + 8)
        k = (N + j) >> 1
        a, c = _evens(u, v), _odds(u, v)
        u, v = a + c, a + two_q - c
        u = vmin(u, u - two_q)
        v = shoup_lazy(v, load(w, k), load(w_shoup, k), negative_q, mask)
        k = (N + j) >> 2
        w1, w1s = load(w, k), load(w_shoup, k)
        a, c = _even_lanes(u, v), _odd_lanes(u, v)
        u, v = a + c, a + two_q - c
        u = vmin(u, u - two_q)
        v = shoup_lazy(v, _each_twice(w1, w1), _each_twice(w1s, w1s), negative_q, mask)
        k = (N + j) >> 3
        w1, w1s = load(w, k), load(w_shoup, k)
        a, c = _low_pairs(u, v), _high_pairs(u, v)
        u, v = a + c, a + two_q - c
        u = vmin(u, u - two_q)
        v = shoup_lazy(v, _each_four_times(w1, w1), _each_four_times(w1s, w1s), negative_q, mask)
        store(x, j, _low_halves(u, v))
        store(x, j + 8, _high_halves(u, v))


@inline
def _inverse_radix4(x, w, w_shoup, m, t, first, last, q):
    """Stages (2m, t/2) and (m, t) of groups [first, last); in and out below 2q."""
    mask, two_q, negative_q = splat(_MASK), splat(q + q), _negative(q)
    h = t >> 1
    for i in range(first, last):
        k = m + i
        w1, w1s = splat(w[k]), splat(w_shoup[k])
        w2, w2s = splat(w[2 * k]), splat(w_shoup[2 * k])
        w3, w3s = splat(w[2 * k + 1]), splat(w_shoup[2 * k + 1])
        for j in range(2 * i * t, 2 * i * t + h, 8):
            a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
            a2, b2 = a + b, a + two_q - b
            c2, d2 = c + d, c + two_q - d
            a2, c2 = vmin(a2, a2 - two_q), vmin(c2, c2 - two_q)
            b2 = shoup_lazy(b2, w2, w2s, negative_q, mask)
            d2 = shoup_lazy(d2, w3, w3s, negative_q, mask)
            a, c = a2 + c2, a2 + two_q - c2
            b, d = b2 + d2, b2 + two_q - d2
            store(x, j, vmin(a, a - two_q))
            store(x, j + h, vmin(b, b - two_q))
            store(x, j + t, shoup_lazy(c, w1, w1s, negative_q, mask))
            store(x, j + t + h, shoup_lazy(d, w1, w1s, negative_q, mask))


@inline
def _inverse_last_radix2(x, constants, q):
    """The last stage (m = 1) times 1/N; in below 2q, out in [0, q)."""
    mask, two_q, negative_q, vq = splat(_MASK), splat(q + q), _negative(q), splat(q)
    s, ss = splat(constants[N_INVERSE]), splat(constants[N_INVERSE_SHOUP])
    d, ds = splat(constants[N_INVERSE_W]), splat(constants[N_INVERSE_W_SHOUP])
    t = x.size >> 1
    for j in range(0, t, 8):
        a, c = load(x, j), load(x, j + t)
        u = shoup_lazy(a + c, s, ss, negative_q, mask)
        v = shoup_lazy(a + two_q - c, d, ds, negative_q, mask)
        store(x, j, vmin(u, u - vq))
        store(x, j + t, vmin(v, v - vq))


@inline
def _inverse_last_radix4(x, w, w_shoup, constants, q):
    """The last two stages times 1/N; in below 2q, out in [0, q)."""
    mask, two_q, negative_q, vq = splat(_MASK), splat(q + q), _negative(q), splat(q)
    s, ss = splat(constants[N_INVERSE]), splat(constants[N_INVERSE_SHOUP])
    e, es = splat(constants[N_INVERSE_W]), splat(constants[N_INVERSE_W_SHOUP])
    w2, w2s = splat(w[2]), splat(w_shoup[2])
    w3, w3s = splat(w[3]), splat(w_shoup[3])
    t = x.size >> 1
    h = t >> 1
    for j in range(0, h, 8):
        a, b, c, d = load(x, j), load(x, j + h), load(x, j + t), load(x, j + t + h)
        a2, b2 = a + b, a + two_q - b
        c2, d2 = c + d, c + two_q - d
        a2, c2 = vmin(a2, a2 - two_q), vmin(c2, c2 - two_q)
        b2 = shoup_lazy(b2, w2, w2s, negative_q, mask)
        d2 = shoup_lazy(d2, w3, w3s, negative_q, mask)
        a = shoup_lazy(a2 + c2, s, ss, negative_q, mask)
        c = shoup_lazy(a2 + two_q - c2, e, es, negative_q, mask)
        b = shoup_lazy(b2 + d2, s, ss, negative_q, mask)
        d = shoup_lazy(b2 + two_q - d2, e, es, negative_q, mask)
        store(x, j, vmin(a, a - vq))
        store(x, j + h, vmin(b, b - vq))
        store(x, j + t, vmin(c, c - vq))
        store(x, j + t + h, vmin(d, d - vq))


@kernel
def inverse_row(x, w, w_shoup, constants):
    """In-place inverse transform of one row; input below 2q, output in [0, q)."""
    N = x.size
    q = constants[Q]
    stages = 0
    while (8 << stages) < N:
        stages += 1
    # The last pass takes one stage when `stages` is odd, two when it is even.
    m, t = (2, N >> 2) if stages & 1 else (4, N >> 3)
    block_m, block_t = m, t
    while block_t >= 16 and 2 * block_t > _BLOCK:
        block_m, block_t = block_m << 2, block_t >> 2
    for block in range(block_m):
        start, stop = 2 * block_t * block, 2 * block_t * (block + 1)
        _inverse_tail(x, w, w_shoup, N, start, stop, q)
        pass_t = 16
        while pass_t <= block_t:
            groups = (stop - start) // (2 * pass_t)
            first = start // (2 * pass_t)
            _inverse_radix4(x, w, w_shoup, N // (2 * pass_t), pass_t, first, first + groups, q)
            pass_t <<= 2
    pass_t = block_t << 2
    while pass_t <= t:
        pass_m = N // (2 * pass_t)
        _inverse_radix4(x, w, w_shoup, pass_m, pass_t, 0, pass_m, q)
        pass_t <<= 2
    if stages & 1:
        _inverse_last_radix2(x, constants, q)
    else:
        _inverse_last_radix4(x, w, w_shoup, constants, q)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        k = rows[r]
        inverse_row(x[r], tables.w_inverse[k], tables.w_inverse_shoup[k], tables.constants[k])


# ---------------------------------------------------------------- pointwise operations


@kernel
def add(out, a, b, rows, tables, lo, hi):
    """out = a + b."""
    for r in range(lo, hi):
        q = splat(tables.constants[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + load(y, i)
            store(z, i, vmin(s, s - q))


@kernel
def subtract(out, a, b, rows, tables, lo, hi):
    """out = a - b."""
    for r in range(lo, hi):
        q = splat(tables.constants[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + q - load(y, i)
            store(z, i, vmin(s, s - q))


@kernel
def negate(out, a, rows, tables, lo, hi):
    """out = -a."""
    for r in range(lo, hi):
        q = splat(tables.constants[rows[r], Q])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            s = q - load(x, i)
            store(z, i, vmin(s, s - q))


@kernel
def multiply(out, a, b, rows, tables, lo, hi):
    """out = a b, coefficient by coefficient."""
    mask = splat(_MASK)
    for r in range(lo, hi):
        c = tables.constants[rows[r]]
        q, negative_q, mu = splat(c[Q]), _negative(c[Q]), splat(c[MU])
        shift, up_shift = splat(c[SHIFT]), splat(_WORD - c[SHIFT])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            p = barrett(load(x, i), load(y, i), q, negative_q, mu, shift, up_shift, mask)
            store(z, i, p)


@kernel
def multiply_add(out, a, b, rows, tables, lo, hi):
    """out += a b, coefficient by coefficient."""
    mask = splat(_MASK)
    for r in range(lo, hi):
        c = tables.constants[rows[r]]
        q, negative_q, mu = splat(c[Q]), _negative(c[Q]), splat(c[MU])
        shift, up_shift = splat(c[SHIFT]), splat(_WORD - c[SHIFT])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            p = barrett(load(x, i), load(y, i), q, negative_q, mu, shift, up_shift, mask)
            s = load(z, i) + p
            store(z, i, vmin(s, s - q))


@kernel
def multiply_scalar(out, a, scalars, scalars_shoup, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r]; any a < 2^52."""
    mask = splat(_MASK)
    for r in range(lo, hi):
        modulus = tables.constants[rows[r], Q]
        q, negative_q = splat(modulus), _negative(modulus)
        w, w_shoup = splat(scalars[r]), splat(scalars_shoup[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            p = shoup_lazy(load(x, i), w, w_shoup, negative_q, mask)
            store(z, i, vmin(p, p - q))


@kernel
def add_scalar(out, a, scalars, rows, tables, lo, hi):
    """out[r] = a[r] + scalars[r]."""
    for r in range(lo, hi):
        q, w = splat(tables.constants[rows[r], Q]), splat(scalars[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + w
            store(z, i, vmin(s, s - q))


# ---------------------------------------------------------------- products with deferred reduction


@inline
def _fold_constants(c):
    q = c[Q]
    return (
        splat(q),
        splat(q + q),
        _negative(q),
        splat(c[RADIX]),
        splat(c[RADIX_SHOUP]),
        splat(np.uint64(1)),
        splat(c[ONE_SHOUP]),
        splat(_MASK),
        splat(_WORD),
    )


@inline
def _reduce_high(high, fold):
    """high mod q in [0, 2q), for high < 2^52."""
    return shoup_lazy(high, fold[5], fold[6], fold[2], fold[7])


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    zero = splat(_ZERO)
    for r in range(lo, hi):
        c = tables.constants[rows[r]]
        fold = _fold_constants(c)
        q, negative_q, mu = splat(c[Q]), _negative(c[Q]), splat(c[MU])
        shift, up_shift, mask = splat(c[SHIFT]), splat(_WORD - c[SHIFT]), splat(_MASK)
        a0, a1, b0, b1 = a[0, r], a[1, r], b[0, r], b[1, r]
        z0, z1, z2 = out[0, r], out[1, r], out[2, r]
        for i in range(0, z0.size, 8):
            x0, x1, y0, y1 = load(a0, i), load(a1, i), load(b0, i), load(b1, i)
            low = multiply_add_low(multiply_add_low(zero, x0, y1), x1, y0)
            high = multiply_add_high(multiply_add_high(zero, x0, y1), x1, y0)
            store(z1, i, fold_wide(low, high, fold))
            store(z0, i, barrett(x0, y0, q, negative_q, mu, shift, up_shift, mask))
            store(z2, i, barrett(x1, y1, q, negative_q, mu, shift, up_shift, mask))


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1; below 2^11 digits."""
    zero = splat(_ZERO)
    for r in range(lo, hi):
        fold = _fold_constants(tables.constants[rows[r]])
        k = key_rows[r]
        z0, z1 = out[0, r], out[1, r]
        for i in range(0, z0.size, 8):
            low0, high0, low1, high1 = zero, zero, zero, zero
            for d in range(digits.shape[0]):
                if d > 0 and d % _TERMS == 0:
                    high0, high1 = _reduce_high(high0, fold), _reduce_high(high1, fold)
                x = load(digits[d, r], i)
                y = load(key[d, 0, k], i)
                low0, high0 = multiply_add_low(low0, x, y), multiply_add_high(high0, x, y)
                y = load(key[d, 1, k], i)
                low1, high1 = multiply_add_low(low1, x, y), multiply_add_high(high1, x, y)
            store(z0, i, fold_wide(low0, high0, fold))
            store(z1, i, fold_wide(low1, high1, fold))


@kernel
def diagonal_product(out, babies, diagonals, starts, baby_of, rows, tables, lo, hi):
    """out[g, p, r] = sum over terms t in [starts[g], starts[g + 1]) of
    diagonals[t, r] babies[baby_of[t], p, r], for p = 0, 1; below 2^11 terms a group.
    """
    zero = splat(_ZERO)
    width = 512
    N = out.shape[3]
    for r in range(lo, hi):
        fold = _fold_constants(tables.constants[rows[r]])
        # Column blocks, so that the baby steps of a block stay in the cache for every group.
        for column in range(0, N, width):
            for g in range(out.shape[0]):
                z0, z1 = out[g, 0, r], out[g, 1, r]
                for i in range(column, min(column + width, N), 8):
                    low0, high0, low1, high1 = zero, zero, zero, zero
                    for t in range(starts[g], starts[g + 1]):
                        if t > starts[g] and (t - starts[g]) % _TERMS == 0:
                            high0, high1 = _reduce_high(high0, fold), _reduce_high(high1, fold)
                        w = load(diagonals[t, r], i)
                        y = load(babies[baby_of[t], 0, r], i)
                        low0, high0 = multiply_add_low(low0, w, y), multiply_add_high(high0, w, y)
                        y = load(babies[baby_of[t], 1, r], i)
                        low1, high1 = multiply_add_low(low1, w, y), multiply_add_high(high1, w, y)
                    store(z0, i, fold_wide(low0, high0, fold))
                    store(z1, i, fold_wide(low1, high1, fold))


# ---------------------------------------------------------------- change of basis


@inline
def _convert_row(out, y, weights, weights_shoup, offset, fold):
    """out = sum_s weights[s] y[s] + offset, in [0, 4q) for one source row, else in [0, 2q)."""
    q, two_q, negative_q, radix, radix_shoup, one, one_shoup, mask, word = fold
    shift = splat(offset)
    if y.shape[0] == 1:
        w, w_shoup, source = splat(weights[0]), splat(weights_shoup[0]), y[0]
        for i in range(0, out.size, 8):
            store(out, i, shoup_lazy(load(source, i), w, w_shoup, negative_q, mask) + shift)
    else:
        zero = splat(_ZERO)
        for i in range(0, out.size, 8):
            low, high = shift, zero
            for s in range(y.shape[0]):
                if s > 0 and s % _TERMS == 0:
                    high = _reduce_high(high, fold)
                x, w = load(y[s], i), splat(weights[s])
                low, high = multiply_add_low(low, x, w), multiply_add_high(high, x, w)
            store(
                out,
                i,
                fold_wide(low, high, fold),
            )


@kernel
def convert_forward(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) below 2^50, fewer than
    2^11 sources."""
    for r in range(lo, hi):
        k = rows[r]
        c = tables.constants[k]
        fold = _fold_constants(c)
        _convert_row(out[r], y, weights[r], weights_shoup[r], offsets[r], fold)
        forward_row(out[r], tables.w[k], tables.w_shoup[k], c[Q])


@kernel
def divide(out, x, y, weights, weights_shoup, offsets, factors, factors_shoup, rows, tables, lo, hi):
    """out[r] = (x[r] - NTT(sum_s weights[r, s] y[s] + offsets[r])) factors[r]; out is not x."""
    for r in range(lo, hi):
        k = rows[r]
        c = tables.constants[k]
        fold = _fold_constants(c)
        _convert_row(out[r], y, weights[r], weights_shoup[r], offsets[r], fold)
        forward_row(out[r], tables.w[k], tables.w_shoup[k], c[Q])
        q, negative_q, mask = splat(c[Q]), _negative(c[Q]), splat(_MASK)
        w, w_shoup = splat(factors[r]), splat(factors_shoup[r])
        z, source = out[r], x[r]
        for i in range(0, z.size, 8):
            d = load(source, i) + q - load(z, i)
            p = shoup_lazy(d, w, w_shoup, negative_q, mask)
            store(z, i, vmin(p, p - q))
