"""Kernels on 64-bit words, for every prime below 2^61 and every N; the reference for the others.

Ranges follow Harvey (arXiv:1205.2926): forward values stay below 4q < 2^63, inverse values below
2q. Every kernel works on rows [lo, hi) of contiguous (rows, N) uint64 arrays; ``rows[r]`` names the
row of the tables. Results are in [0, q).
"""

from __future__ import annotations

import numpy as np

from ntt import reduction
from ntt.backends import digits, hoisting, quotients
from ntt.backends.layout import (
    MU,
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    ONE_SHOUP,
    RADIX,
    RADIX_SHOUP,
    SHIFT,
    W_INVERSE,
    W_INVERSE_SHOUP,
    W_SHOUP,
    Q,
    W,
    twiddles,
)
from ntt.jit import inline, kernel
from ntt.reduction import multiply_high, reduce_once, shoup, shoup_lazy

WORD_BITS = 64
MAX_MODULUS_BITS = 61
MIN_RING_DEGREE = 8
PRODUCT_RADIX = 1

# Products of two residues are below 2^122: 32 of them on top of a reduced high word (below
# 2q < 2^62) keep the 128-bit accumulator from overflowing.
_TERMS = 32
_ONE = np.uint64(1)


@inline
def _accumulate(low, high, x, y):
    """(high, low) + x y as a 128-bit sum."""
    product = x * y
    low = low + product
    carry = _ONE if low < product else np.uint64(0)
    return low, high + multiply_high(x, y) + carry


@inline
def _fold(low, high, c):
    return reduction.fold_wide(low, high, c[Q], c[RADIX], c[RADIX_SHOUP], c[ONE_SHOUP])


@inline
def _reduce_high(high, c):
    """high mod q in [0, 2q)."""
    return shoup_lazy(high, _ONE, c[ONE_SHOUP], c[Q])


# ---------------------------------------------------------------- forward transform


@inline
def _cooley_tukey(a, c, w, w_shoup, q):
    """(a + w c, a - w c); in and out below 4q."""
    a = reduce_once(a, q + q)
    c = shoup_lazy(c, w, w_shoup, q)
    return a + c, a + (q + q) - c


@inline
def _below_q(u, q):
    """u mod q for u below 4q."""
    return reduce_once(reduce_once(u, q + q), q)


@kernel
def forward_row(x, row):
    """In-place transform of one row by the tables' row; input below 4q, output in [0, q)."""
    N = x.size
    w, w_shoup, q = twiddles(row, N, W), twiddles(row, N, W_SHOUP), row[Q]
    m, t = 1, N >> 1
    while t > 2:
        for i in range(m):
            w1, w1s = w[m + i], w_shoup[m + i]
            first, second = x[2 * i * t : 2 * i * t + t], x[2 * i * t + t : 2 * i * t + 2 * t]
            for j in range(t):
                first[j], second[j] = _cooley_tukey(first[j], second[j], w1, w1s, q)
        m, t = m << 1, t >> 1
    for i in range(m):  # the stages t = 2 and t = 1 of four neighbours
        a, b, c, d = x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]
        a, c = _cooley_tukey(a, c, w[m + i], w_shoup[m + i], q)
        b, d = _cooley_tukey(b, d, w[m + i], w_shoup[m + i], q)
        k = 2 * (m + i)
        a, b = _cooley_tukey(a, b, w[k], w_shoup[k], q)
        c, d = _cooley_tukey(c, d, w[k + 1], w_shoup[k + 1], q)
        x[4 * i], x[4 * i + 1] = _below_q(a, q), _below_q(b, q)
        x[4 * i + 2], x[4 * i + 3] = _below_q(c, q), _below_q(d, q)


@kernel
def forward(x, rows, tables, lo, hi):
    """Rows of x from coefficients to evaluations, in place."""
    for r in range(lo, hi):
        forward_row(x[r], tables[rows[r]])


# ---------------------------------------------------------------- inverse transform


@inline
def _gentleman_sande(a, c, w, w_shoup, q):
    """(a + c, (a - c) w); in and out below 2q."""
    return reduce_once(a + c, q + q), shoup_lazy(a + (q + q) - c, w, w_shoup, q)


@kernel
def inverse_row(x, row):
    """In-place inverse of one row by the tables' row; input below 2q, output in [0, q)."""
    N = x.size
    w, w_shoup, q = twiddles(row, N, W_INVERSE), twiddles(row, N, W_INVERSE_SHOUP), row[Q]
    m, t = N >> 2, 2
    for i in range(m):  # the stages t = 1 and t = 2 of four neighbours
        a, b, c, d = x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]
        k = 2 * (m + i)
        a, b = _gentleman_sande(a, b, w[k], w_shoup[k], q)
        c, d = _gentleman_sande(c, d, w[k + 1], w_shoup[k + 1], q)
        x[4 * i], x[4 * i + 2] = _gentleman_sande(a, c, w[m + i], w_shoup[m + i], q)
        x[4 * i + 1], x[4 * i + 3] = _gentleman_sande(b, d, w[m + i], w_shoup[m + i], q)
    m, t = m >> 1, t << 1
    while m > 1:
        for i in range(m):
            w1, w1s = w[m + i], w_shoup[m + i]
            first, second = x[2 * i * t : 2 * i * t + t], x[2 * i * t + t : 2 * i * t + 2 * t]
            for j in range(t):
                first[j], second[j] = _gentleman_sande(first[j], second[j], w1, w1s, q)
        m, t = m >> 1, t << 1
    s, ss = row[N_INVERSE], row[N_INVERSE_SHOUP]
    e, es = row[N_INVERSE_W], row[N_INVERSE_W_SHOUP]
    for j in range(t):
        a, c = x[j], x[j + t]
        x[j] = shoup(a + c, s, ss, q)
        x[j + t] = shoup(a + (q + q) - c, e, es, q)


@kernel
def inverse(x, rows, tables, lo, hi):
    """Rows of x from evaluations to coefficients, in place."""
    for r in range(lo, hi):
        inverse_row(x[r], tables[rows[r]])


# ---------------------------------------------------------------- pointwise operations


@kernel
def add(out, a, b, rows, tables, lo, hi):
    """out = a + b."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.add(a[r, i], b[r, i], q)


@kernel
def subtract(out, a, b, rows, tables, lo, hi):
    """out = a - b."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.subtract(a[r, i], b[r, i], q)


@kernel
def negate(out, a, rows, tables, lo, hi):
    """out = -a."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduce_once(q - a[r, i], q)


@kernel
def multiply(out, a, b, rows, tables, lo, hi):
    """out = a b, coefficient by coefficient."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        q, mu, shift = c[Q], c[MU], c[SHIFT]
        for i in range(out.shape[1]):
            out[r, i] = reduction.barrett(a[r, i], b[r, i], q, mu, shift)


@kernel
def multiply_add(out, a, b, rows, tables, lo, hi):
    """out += a b, coefficient by coefficient."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        q, mu, shift = c[Q], c[MU], c[SHIFT]
        for i in range(out.shape[1]):
            p = reduction.barrett(a[r, i], b[r, i], q, mu, shift)
            out[r, i] = reduction.add(out[r, i], p, q)


@kernel
def multiply_scalar(out, a, scalars, scalars_shoup, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r]; any a < 2^64."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = shoup(a[r, i], scalars[r], scalars_shoup[r], q)


@kernel
def affine(out, a, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r] + addends[r]; any a < 2^64."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            product = shoup(a[r, i], scalars[r], scalars_shoup[r], q)
            out[r, i] = reduction.add(product, addends[r], q)


@kernel
def add_scalar(out, a, scalars, rows, tables, lo, hi):
    """out[r] = a[r] + scalars[r]."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.add(a[r, i], scalars[r], q)


# ---------------------------------------------------------------- products with deferred reduction


@kernel
def permute(out, x, permutation, tables, lo, hi):
    """out[r, i] = x[r, permutation[i]]; out is not x."""
    for r in range(lo, hi):
        source, target = x[r], out[r]
        for i in range(permutation.size):
            target[i] = source[permutation[i]]


@kernel
def permute_add(out, x, permutation, rows, tables, lo, hi):
    """out[r, i] += x[r, permutation[i]]; out is not x."""
    for r in range(lo, hi):
        source, target, q = x[r], out[r], tables[rows[r], Q]
        for i in range(permutation.size):
            target[i] = reduce_once(target[i] + source[permutation[i]], q)


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        q, mu, shift = c[Q], c[MU], c[SHIFT]
        for i in range(out.shape[2]):
            x0, x1, y0, y1 = a[0, r, i], a[1, r, i], b[0, r, i], b[1, r, i]
            low, high = _accumulate(x0 * y1, multiply_high(x0, y1), x1, y0)
            out[0, r, i] = reduction.barrett(x0, y0, q, mu, shift)
            out[1, r, i] = _fold(low, high, c)
            out[2, r, i] = reduction.barrett(x1, y1, q, mu, shift)


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1."""
    zero = np.uint64(0)
    for r in range(lo, hi):
        c = tables[rows[r]]
        k = key_rows[r]
        for i in range(out.shape[2]):
            low0, high0, low1, high1 = zero, zero, zero, zero
            for d in range(digits.shape[0]):
                if d > 0 and d % _TERMS == 0:
                    high0, high1 = _reduce_high(high0, c), _reduce_high(high1, c)
                x = digits[d, r, i]
                low0, high0 = _accumulate(low0, high0, x, key[d, 0, k, i])
                low1, high1 = _accumulate(low1, high1, x, key[d, 1, k, i])
            out[0, r, i] = _fold(low0, high0, c)
            out[1, r, i] = _fold(low1, high1, c)


@kernel
def diagonal_product(out, babies, diagonals, starts, baby_of, rows, tables, lo, hi):
    """out[g, p, r] = sum over terms t in [starts[g], starts[g + 1]) of
    diagonals[t, r] babies[baby_of[t], p, r], for p = 0, 1.
    """
    zero = np.uint64(0)
    for r in range(lo, hi):
        c = tables[rows[r]]
        for g in range(out.shape[0]):
            for i in range(out.shape[3]):
                low0, high0, low1, high1 = zero, zero, zero, zero
                for t in range(starts[g], starts[g + 1]):
                    if t > starts[g] and (t - starts[g]) % _TERMS == 0:
                        high0, high1 = _reduce_high(high0, c), _reduce_high(high1, c)
                    x = diagonals[t, r, i]
                    low0, high0 = _accumulate(low0, high0, x, babies[baby_of[t], 0, r, i])
                    low1, high1 = _accumulate(low1, high1, x, babies[baby_of[t], 1, r, i])
                out[g, 0, r, i] = _fold(low0, high0, c)
                out[g, 1, r, i] = _fold(low1, high1, c)


@inline
def _gadget(pair, digits, addend, key, k, r, first_column, c):
    """pair[p, i] = sum_d digits[d, r, column] key[d, p, k, column], plus the addend for p = 0."""
    zero = np.uint64(0)
    for i in range(pair.shape[1]):
        column = first_column + i
        low0, high0, low1, high1 = addend[column], zero, zero, zero
        for d in range(digits.shape[0]):
            if d > 0 and d % _TERMS == 0:
                high0, high1 = _reduce_high(high0, c), _reduce_high(high1, c)
            x = digits[d, r, column]
            low0, high0 = _accumulate(low0, high0, x, key[d, 0, k, column])
            low1, high1 = _accumulate(low1, high1, x, key[d, 1, k, column])
        pair[0, i], pair[1, i] = _fold(low0, high0, c), _fold(low1, high1, c)


@inline
def _weighted_sum(z0, z1, i, products, weights, product_of, begin, end, c):
    """Eight columns from i on of sum_t weights[t] products[product_of[t], p], begin <= t < end."""
    zero = np.uint64(0)
    for lane in range(hoisting.VECTOR):
        low0, high0, low1, high1 = zero, zero, zero, zero
        for t in range(begin, end):
            if t > begin and (t - begin) % _TERMS == 0:
                high0, high1 = _reduce_high(high0, c), _reduce_high(high1, c)
            x, at = weights[t * hoisting.VECTOR + lane], product_of[t] * 2 * hoisting.VECTOR + lane
            low0, high0 = _accumulate(low0, high0, x, products[at])
            low1, high1 = _accumulate(low1, high1, x, products[at + hoisting.VECTOR])
        z0[i + lane], z1[i + lane] = _fold(low0, high0, c), _fold(low1, high1, c)


@kernel
def hoisted_product(
    out, digits, addends, keys, key_limbs, key_rows, moves, order, lanes, weights, first_sums,
    starts, product_of, products, pair, packed, first, rows, tables, lo, hi
):
    """`ntt.backends.hoisting.hoisted_product` on 64-bit words."""
    hoisting.hoisted_product(
        _gadget, _weighted_sum, out, digits, addends, keys, key_limbs, key_rows, moves, lanes,
        weights, first_sums, starts, product_of, products, pair, first, rows, tables, lo, hi
    )


# ---------------------------------------------------------------- change of basis


@inline
def _convert_row(out, y, weights, offset, c):
    """out = sum_s weights[s] y[s] + offset mod q."""
    for i in range(out.size):
        low, high = offset, np.uint64(0)
        for s in range(y.shape[0]):
            if s > 0 and s % _TERMS == 0:
                high = _reduce_high(high, c)
            low, high = _accumulate(low, high, y[s, i], weights[s])
        out[i] = _fold(low, high, c)


@kernel
def convert(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r]; y (sources, N) below 2^61."""
    for r in range(lo, hi):
        _convert_row(out[r], y, weights[r], offsets[r], tables[rows[r]])


@kernel
def convert_forward(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) below 2^61."""
    for r in range(lo, hi):
        row = tables[rows[r]]
        _convert_row(out[r], y, weights[r], offsets[r], row)
        forward_row(out[r], row)


@kernel
def convert_digits(
    out, x, y, first, spans, scales, scales_shoup, weights, weights_shoup, offsets, rows, tables,
    lo, hi
):
    """`ntt.backends.digits.convert_digits` with `convert_forward`."""
    digits.convert_digits(
        convert_forward, multiply_scalar, out, x, y, first, spans, scales, scales_shoup, weights,
        weights_shoup, offsets, rows, tables, lo, hi
    )


@kernel
def divide(
    out, x, y, weights, weights_shoup, offsets, factors, factors_shoup, rows, tables, lo, hi
):
    """out[r] = (x[r] - NTT(sum_s weights[r, s] y[s] + offsets[r])) factors[r]; out is not x."""
    for r in range(lo, hi):
        row = tables[rows[r]]
        q = row[Q]
        _convert_row(out[r], y, weights[r], offsets[r], row)
        forward_row(out[r], row)
        for i in range(out.shape[1]):
            d = x[r, i] + (q - out[r, i])
            out[r, i] = shoup(d, factors[r], factors_shoup[r], q)


@kernel
def hoisted_quotients(
    out, digits, addend, keys, key_limbs, key_rows, moves, lanes, term_weights, term_weights_shoup,
    term_offsets, weights, weights_shoup, offsets, memory, rows, tables, lo, hi
):
    """`ntt.backends.quotients.hoisted_quotients` on 64-bit words."""
    quotients.hoisted_quotients(
        gadget_product, inverse, convert, convert_forward, subtract, add, out, digits, addend, keys,
        key_limbs, key_rows, moves, lanes, term_weights, term_weights_shoup, term_offsets, weights,
        weights_shoup, offsets, memory, rows, tables, lo, hi
    )
