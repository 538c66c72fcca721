"""Change of basis fused with the transform: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends.ifma.arithmetic import (
    MASK,
    ZERO,
    fold_constants,
    fold_wide,
    negative,
    reduce_high,
    shoup_lazy,
)
from ntt.backends.ifma.products import TERMS, accumulate
from ntt.backends.ifma.transform import forward_row
from ntt.backends.layout import Q
from ntt.jit import inline, kernel
from ntt.simd import load, splat, store, vmin


@inline
def _convert_row(out, y, weights, weights_shoup, offset, row):
    """out = sum_s weights[s] y[s] + offset, in [0, 3q) for one source, else in [0, q)."""
    shift = splat(offset)
    if y.shape[0] == 1:
        negative_q, mask = negative(row[Q]), splat(MASK)
        w, w_shoup, source = splat(weights[0]), splat(weights_shoup[0]), y[0]
        for i in range(0, out.size, 8):
            store(out, i, shoup_lazy(load(source, i), w, w_shoup, negative_q, mask) + shift)
    else:
        fold = fold_constants(row)
        for i in range(0, out.size, 8):
            low, high = shift, splat(ZERO)
            for s in range(y.shape[0]):
                if s > 0 and s % TERMS == 0:
                    high = reduce_high(high, fold)
                low, high = accumulate(low, high, load(y[s], i), splat(weights[s]))
            store(out, i, fold_wide(low, high, fold))


@kernel
def convert(out, y, weights, weights_shoup, offsets, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r].

    y (sources, N) below 2^50, fewer than 2^11 sources.
    """
    for r in range(lo, hi):
        row, z = tables[rows[r]], out[r]
        _convert_row(z, y, weights[r], weights_shoup[r], offsets[r], row)
        if y.shape[0] == 1:
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
    for r in range(lo, hi):
        row = tables[rows[r]]
        _convert_row(out[r], y, weights[r], weights_shoup[r], offsets[r], row)
        forward_row(out[r], row)


@kernel
def divide(
    out, x, y, weights, weights_shoup, offsets, factors, factors_shoup, rows, tables, lo, hi
):
    """out[r] = (x[r] - NTT(sum_s weights[r, s] y[s] + offsets[r])) factors[r]; out is not x."""
    for r in range(lo, hi):
        row = tables[rows[r]]
        _convert_row(out[r], y, weights[r], weights_shoup[r], offsets[r], row)
        forward_row(out[r], row)
        q, negative_q, mask = splat(row[Q]), negative(row[Q]), splat(MASK)
        w, w_shoup = splat(factors[r]), splat(factors_shoup[r])
        z, source = out[r], x[r]
        for i in range(0, z.size, 8):
            d = load(source, i) + q - load(z, i)
            p = shoup_lazy(d, w, w_shoup, negative_q, mask)
            store(z, i, vmin(p, p - q))
