"""Change of basis fused with the transform: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends import digits
from ntt.backends.contract import Conversion
from ntt.backends.fma.arithmetic import (
    TERMS,
    accumulate,
    canonical,
    field,
    fold,
    fold_canonical,
    multiply_lazy,
    start,
)
from ntt.backends.fma.pointwise import multiply_scalar
from ntt.backends.fma.transform import forward, forward_row
from ntt.backends.placement import place
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES, load_residues, splat, splat_bits, store_residues

# How many columns of all sources stay in the second-level cache while every target reads them.
_COLUMNS = 1024


@inline
def _convert_one(out, source, w, w_quotient, offset, row):
    """out = w source + offset, in [0, q)."""
    modulus, shift = field(row), splat(float(offset))
    factor, quotient = splat(float(w)), splat_bits(w_quotient)
    for i in range(0, out.size, LANES):
        p = multiply_lazy(load_residues(source, i), factor, quotient, modulus)
        store_residues(out, i, canonical(p + shift, modulus))


@inline
def _convert_many(out, y, weights, offsets, rows, tables, lo, hi):
    """Rows [lo, hi) of out[r] = sum_s weights[r, s] y[s] + offsets[r], in [0, q)."""
    N = out.shape[1]
    for first in range(0, N, _COLUMNS):
        last = min(first + _COLUMNS, N)
        for r in range(lo, hi):
            modulus, wide = field(tables[rows[r]]), start(tables[rows[r]])
            shift, z = splat(float(offsets[r])), out[r]
            for i in range(first, last, LANES):
                total, error = wide, shift
                for s in range(y.shape[0]):
                    if s > 0 and s % TERMS == 0:
                        error = fold(total, error, wide, modulus)
                        total = wide
                    w = splat(float(weights[r, s]))
                    total, error = accumulate(total, error, load_residues(y[s], i), w)
                store_residues(z, i, fold_canonical(total, error, wide, modulus))


@kernel
def convert(out, y, conversion, rows, tables, lo, hi):
    """out[r] = sum_s weights[r, s] y[s] + offsets[r]; y (sources, N) below 2^50."""
    weights, weights_shoup, offsets = conversion
    if y.shape[0] > 1:
        _convert_many(out, y, weights, offsets, rows, tables, lo, hi)
    else:
        for r in range(lo, hi):
            row = tables[rows[r]]
            _convert_one(out[r], y[0], weights[r, 0], weights_shoup[r, 0], offsets[r], row)


@kernel
def convert_forward(out, y, conversion, rows, tables, lo, hi):
    """out[r] = NTT(sum_s weights[r, s] y[s] + offsets[r]); y (sources, N) below 2^50."""
    weights, weights_shoup, offsets = conversion
    if y.shape[0] > 1:
        _convert_many(out, y, weights, offsets, rows, tables, lo, hi)
    for r in range(lo, hi):
        row = tables[rows[r]]
        if y.shape[0] == 1:
            _convert_one(out[r], y[0], weights[r, 0], weights_shoup[r, 0], offsets[r], row)
        forward_row(out[r], row)


@kernel
def convert_digits(out, x, y, first, conversion, rows, tables, lo, hi):
    """`ntt.backends.digits.convert_digits` with `convert_forward`."""
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
            modulus, source = field(c), x[p, r]
            w, w_quotient = splat(float(factors[r])), splat_bits(factors_shoup[r])
            for i in range(0, z.size, LANES):
                d = load_residues(source, i) - load_residues(z, i)
                d = multiply_lazy(d, w, w_quotient, modulus)
                if p == 0 and addend.size:
                    d = d + load_residues(addend[r], i)
                store_residues(z, i, canonical(d, modulus))
            place(out[p, r], z, moves, lanes)
