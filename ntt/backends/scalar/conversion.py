"""Change of basis fused with the transform, on 64-bit words: rows [lo, hi)."""

from __future__ import annotations

from ntt.backends import digits
from ntt.backends.contract import Conversion
from ntt.backends.layout import Q
from ntt.backends.placement import place
from ntt.backends.scalar.arithmetic import TERMS, ZERO, accumulate, fold, reduce_high
from ntt.backends.scalar.pointwise import multiply_scalar
from ntt.backends.scalar.transform import forward, forward_row
from ntt.jit import inline, kernel
from ntt.reduction import reduce_once, shoup


@inline
def _convert_row(out, y, weights, offset, c):
    """out = sum_s weights[s] y[s] + offset mod q."""
    for i in range(out.size):
        low, high = offset, ZERO
        for s in range(y.shape[0]):
            if s > 0 and s % TERMS == 0:
                high = reduce_high(high, c)
            low, high = accumulate(low, high, y[s, i], weights[s])
        out[i] = fold(low, high, c)


@kernel
def convert(out, y, conversion, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r]; y (sources, N) below 2^61."""
    weights, _, offsets = conversion
    for r in range(lo, hi):
        _convert_row(out[r], y, weights[r], offsets[r], tables[rows[r]])


@kernel
def convert_forward(out, y, conversion, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) below 2^61."""
    weights, _, offsets = conversion
    for r in range(lo, hi):
        row = tables[rows[r]]
        _convert_row(out[r], y, weights[r], offsets[r], row)
        forward_row(out[r], row)


@kernel
def convert_digits(out, x, y, first, conversion, rows, tables, lo, hi):
    """`ntt.backends.digits.convert_digits` on 64-bit words."""
    digits.convert_digits(
        convert, forward, multiply_scalar, out, x, y, first, conversion, rows, tables, lo, hi
    )


@kernel
def divide(
    out, x, y, conversion, factors, factors_shoup, addend, moves, lanes, memory, rows, tables,
    lo, hi
):
    """(x[p, r] - NTT(sum_s weights[r, s] y[p, s] + offsets[r])) factors[r] + addend[r], permuted.
    """
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
            convert(memory[p], y[p], some, rows[first:last], tables, begin, end)
        for item in range(max(first * parts, lo), min(last * parts, hi)):
            r, p = item // parts, item % parts
            c, z = tables[rows[r]], memory[p, r - first]
            forward_row(z, c)
            q = c[Q]
            for i in range(z.size):
                z[i] = shoup(x[p, r, i] + (q - z[i]), factors[r], factors_shoup[r], q)
                if p == 0 and addend.size:
                    z[i] = reduce_once(z[i] + addend[r, i], q)
            place(out[p, r], z, moves, lanes)
