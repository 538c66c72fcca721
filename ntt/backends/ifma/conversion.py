"""Change of basis fused with the transform: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends import digits
from ntt.backends.ifma.arithmetic import (
    MASK,
    ZERO,
    fold_constants,
    fold_wide,
    negative,
    reduce_high,
    shoup_lazy,
)
from ntt.backends.ifma.pointwise import multiply_scalar
from ntt.backends.ifma.products import TERMS, accumulate
from ntt.backends.ifma.transform import forward_row
from ntt.backends.layout import Q
from ntt.jit import inline, kernel
from ntt.simd import load, splat, store, vmin

# Words of all sources that stay in the second-level cache while every target passes over them.
_WORDS = 1 << 15


@inline
def _convert_one(out, source, w, w_shoup, offset, row):
    """out = w source + offset, in [0, 3q)."""
    shift = splat(offset)
    negative_q, mask = negative(row[Q]), splat(MASK)
    factor, factor_shoup = splat(w), splat(w_shoup)
    for i in range(0, out.size, 8):
        p = shoup_lazy(load(source, i), factor, factor_shoup, negative_q, mask)
        store(out, i, p + shift)


@inline
def _convert_many(out, y, weights, offsets, rows, tables, lo, hi):
    """Rows [lo, hi) of out[r] = sum_s weights[r, s] y[s] + offsets[r], in [0, q)."""
    N, zero = out.shape[1], splat(ZERO)
    columns = 32 * max(1, _WORDS // (32 * y.shape[0]))
    for start in range(0, N, columns):
        stop = min(start + columns, N)
        for r in range(lo, hi):
            fold, shift, z = fold_constants(tables[rows[r]]), splat(offsets[r]), out[r]
            # Four sums side by side hide the latency of the products and share the weights.
            for i in range(start, stop, 32):
                low0, low1, low2, low3 = shift, shift, shift, shift
                high0, high1, high2, high3 = zero, zero, zero, zero
                for s in range(y.shape[0]):
                    if s > 0 and s % TERMS == 0:
                        high0, high1 = reduce_high(high0, fold), reduce_high(high1, fold)
                        high2, high3 = reduce_high(high2, fold), reduce_high(high3, fold)
                    source, w = y[s], splat(weights[r, s])
                    low0, high0 = accumulate(low0, high0, load(source, i), w)
                    low1, high1 = accumulate(low1, high1, load(source, i + 8), w)
                    low2, high2 = accumulate(low2, high2, load(source, i + 16), w)
                    low3, high3 = accumulate(low3, high3, load(source, i + 24), w)
                store(z, i, fold_wide(low0, high0, fold))
                store(z, i + 8, fold_wide(low1, high1, fold))
                store(z, i + 16, fold_wide(low2, high2, fold))
                store(z, i + 24, fold_wide(low3, high3, fold))


@kernel
def convert(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r].

    y (sources, N) below 2^50, fewer than 2^11 sources.
    """
    if y.shape[0] > 1:
        _convert_many(out, y, weights, offsets, rows, tables, lo, hi)
        return
    for r in range(lo, hi):
        row, z = tables[rows[r]], out[r]
        _convert_one(z, y[0], weights[r, 0], weights_shoup[r, 0], offsets[r], row)
        q = splat(row[Q])
        for i in range(0, z.size, 8):
            u = load(z, i)
            u = vmin(u, u - q)
            store(z, i, vmin(u, u - q))


@kernel
def convert_forward(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]).

    y (sources, N) below 2^50, fewer than 2^11 sources.
    """
    if y.shape[0] > 1:
        _convert_many(out, y, weights, offsets, rows, tables, lo, hi)
    for r in range(lo, hi):
        row = tables[rows[r]]
        if y.shape[0] == 1:
            _convert_one(out[r], y[0], weights[r, 0], weights_shoup[r, 0], offsets[r], row)
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
    if y.shape[0] > 1:
        _convert_many(out, y, weights, offsets, rows, tables, lo, hi)
    for r in range(lo, hi):
        row = tables[rows[r]]
        if y.shape[0] == 1:
            _convert_one(out[r], y[0], weights[r, 0], weights_shoup[r, 0], offsets[r], row)
        forward_row(out[r], row)
        q, negative_q, mask = splat(row[Q]), negative(row[Q]), splat(MASK)
        w, w_shoup = splat(factors[r]), splat(factors_shoup[r])
        z, source = out[r], x[r]
        for i in range(0, z.size, 8):
            d = load(source, i) + q - load(z, i)
            p = shoup_lazy(d, w, w_shoup, negative_q, mask)
            store(z, i, vmin(p, p - q))
