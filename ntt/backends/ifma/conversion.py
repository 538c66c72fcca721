"""Change of basis fused with the transform: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends import digits
from ntt.backends.contract import Conversion
from ntt.backends.hoisting import move_lanes, move_target
from ntt.backends.ifma.arithmetic import (
    MASK,
    ZERO,
    fold_constants,
    fold_lazy,
    fold_wide,
    negative,
    reduce_high,
    reduce_lazy,
    shoup_lazy,
)
from ntt.backends.ifma.pointwise import multiply_scalar
from ntt.backends.ifma.products import LINE_BYTES, STREAMED_WORDS, TERMS, accumulate
from ntt.backends.ifma.transform import forward, forward_row
from ntt.backends.layout import Q
from ntt.jit import inline, kernel
from ntt.simd.integers import fence, load, select_lanes, splat, store, stream, vmin

# How many words of all sources stay in the first-level cache while every target reads them.
_WORDS = 1 << 12
# How many words of converted rows stay there until they are transformed.
_ROW_WORDS = 1 << 18
# The number of sources up to which it is less work to reduce each product than their sum.
_FEW = 4


@inline
def _weighted_sums(y, i, weights, weights_shoup, offset, c):
    """sum_s weights[s] y[s] + offset in four vectors, below 4q; y below 2^50."""
    negative_q, mask, two_q = negative(c[Q]), splat(MASK), splat(c[Q] + c[Q])
    shift = splat(offset)
    sums = shift, shift, shift, shift
    for s in range(y.shape[0]):
        w, w_shoup, source = splat(weights[s]), splat(weights_shoup[s]), y[s]
        a, b, d, e = sums
        if s > 1:
            a, b = vmin(a, a - two_q), vmin(b, b - two_q)
            d, e = vmin(d, d - two_q), vmin(e, e - two_q)
        a = a + shoup_lazy(load(source, i), w, w_shoup, negative_q, mask)
        b = b + shoup_lazy(load(source, i + 8), w, w_shoup, negative_q, mask)
        d = d + shoup_lazy(load(source, i + 16), w, w_shoup, negative_q, mask)
        e = e + shoup_lazy(load(source, i + 24), w, w_shoup, negative_q, mask)
        sums = a, b, d, e
    return sums


@kernel
def convert_row(out, y, weights, weights_shoup, offset, c):
    """out = sum_s weights[s] y[s] + offset, below 4q."""
    for i in range(0, out.size, 32):
        sums = _weighted_sums(y, i, weights, weights_shoup, offset, c)
        store(out, i, sums[0])
        store(out, i + 8, sums[1])
        store(out, i + 16, sums[2])
        store(out, i + 24, sums[3])


@kernel
def convert_row_reduced(out, y, weights, weights_shoup, offset, c):
    """out = sum_s weights[s] y[s] + offset, in [0, q); out may be one of y."""
    q, two_q = splat(c[Q]), splat(c[Q] + c[Q])
    for i in range(0, out.size, 32):
        sums = _weighted_sums(y, i, weights, weights_shoup, offset, c)
        store(out, i, reduce_lazy(sums[0], q, two_q))
        store(out, i + 8, reduce_lazy(sums[1], q, two_q))
        store(out, i + 16, reduce_lazy(sums[2], q, two_q))
        store(out, i + 24, reduce_lazy(sums[3], q, two_q))


@inline
def _convert_many(fold, out, y, weights, offsets, rows, tables, lo, hi):
    """Rows [lo, hi) of out[r] = sum_s weights[r, s] y[s] + offsets[r], reduced as by `fold`."""
    N, zero = out.shape[1], splat(ZERO)
    columns = 32 * max(1, _WORDS // (32 * y.shape[0]))
    for start in range(0, N, columns):
        stop = min(start + columns, N)
        for r in range(lo, hi):
            constants, shift, z = fold_constants(tables[rows[r]]), splat(offsets[r]), out[r]
            # Four sums side by side hide the latency of the products and share the weights.
            for i in range(start, stop, 32):
                low0, low1, low2, low3 = shift, shift, shift, shift
                high0, high1, high2, high3 = zero, zero, zero, zero
                for s in range(y.shape[0]):
                    if s > 0 and s % TERMS == 0:
                        high0, high1 = reduce_high(high0, constants), reduce_high(high1, constants)
                        high2, high3 = reduce_high(high2, constants), reduce_high(high3, constants)
                    source, w = y[s], splat(weights[r, s])
                    low0, high0 = accumulate(low0, high0, load(source, i), w)
                    low1, high1 = accumulate(low1, high1, load(source, i + 8), w)
                    low2, high2 = accumulate(low2, high2, load(source, i + 16), w)
                    low3, high3 = accumulate(low3, high3, load(source, i + 24), w)
                store(z, i, fold(low0, high0, constants))
                store(z, i + 8, fold(low1, high1, constants))
                store(z, i + 16, fold(low2, high2, constants))
                store(z, i + 24, fold(low3, high3, constants))


@kernel
def convert(out, y, conversion, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r]; y (sources, N) below 2^50."""
    weights, weights_shoup, offsets = conversion
    if y.shape[0] > _FEW:
        _convert_many(fold_wide, out, y, weights, offsets, rows, tables, lo, hi)
        return
    for r in range(lo, hi):
        convert_row_reduced(
            out[r], y, weights[r], weights_shoup[r], offsets[r], tables[rows[r]]
        )


@kernel
def convert_lazy(out, y, conversion, rows, tables, lo, hi):
    """`convert` with results below 4q."""
    weights, weights_shoup, offsets = conversion
    if y.shape[0] > _FEW:
        _convert_many(fold_lazy, out, y, weights, offsets, rows, tables, lo, hi)
        return
    for r in range(lo, hi):
        convert_row(out[r], y, weights[r], weights_shoup[r], offsets[r], tables[rows[r]])


@kernel
def convert_forward(out, y, conversion, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) below 2^50."""
    together = max(1, _ROW_WORDS // out.shape[1])
    for start in range(lo, hi, together):
        stop = min(start + together, hi)
        convert_lazy(out, y, conversion, rows, tables, start, stop)
        forward(out, rows, tables, start, stop)


@kernel
def convert_digits(out, x, y, first, conversion, rows, tables, lo, hi):
    """`ntt.backends.digits.convert_digits` with `convert_forward`."""
    digits.convert_digits(
        convert_lazy, forward, multiply_scalar, out, x, y, first, conversion, rows, tables, lo, hi
    )


@kernel
def _store_quotient(
    out, z, x, factor, factor_shoup, addend, p, r, moves, lanes, c, streams
):
    """out = (x - z) factor in [0, q), + addend[r] for p = 0, permuted."""
    q, negative_q, mask = splat(c[Q]), negative(c[Q]), splat(MASK)
    w, w_shoup = splat(factor), splat(factor_shoup)
    adds = p == 0 and addend.size > 0
    for v in range(z.size // 8):
        i = to = 8 * v
        a = shoup_lazy(load(x, i) + q - load(z, i), w, w_shoup, negative_q, mask)
        a = vmin(a, a - q)
        if adds:
            a = a + load(addend[r], i)
            a = vmin(a, a - q)
        if moves.size:
            to = 8 * move_target(moves[v])
            a = select_lanes(a, load(lanes, move_lanes(moves[v])))
        if streams:
            stream(out, to, a)
        else:
            store(out, to, a)


@kernel
def divide(
    out, x, y, conversion, factors, factors_shoup, addend, moves, lanes, memory, rows, tables,
    lo, hi
):
    """(x[p, r] - NTT(sum_s weights[r, s] y[p, s] + offsets[r])) factors[r] + addend[r], permuted.
    """
    row_words = out.shape[1] * out.shape[2]
    streams = row_words >= STREAMED_WORDS and out.ctypes.data % LINE_BYTES == 0
    parts, together = out.shape[0], memory.shape[1]
    limit = (hi + parts - 1) // parts
    for first in range(lo // parts // together * together, limit, together):
        last = min(first + together, limit)
        some = Conversion(
            conversion.weights[first:last],
            conversion.weights_shoup[first:last],
            conversion.offsets[first:last],
        )
        for p in range(parts):
            begin = max((lo - p + parts - 1) // parts - first, 0)
            end = min((hi - p + parts - 1) // parts, last) - first
            convert_lazy(memory[p], y[p], some, rows[first:last], tables, begin, end)
        for item in range(max(first * parts, lo), min(last * parts, hi)):
            r, p = item // parts, item % parts
            c, z = tables[rows[r]], memory[p, r - first]
            forward_row(z, c)
            _store_quotient(
                out[p, r], z, x[p, r], factors[r], factors_shoup[r], addend, p, r, moves, lanes, c,
                streams,
            )
    fence()
