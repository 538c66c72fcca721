"""Sums of products with one reduction for many terms: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends.ifma.arithmetic import (
    ZERO,
    barrett,
    barrett_constants,
    fold_constants,
    fold_wide,
    reduce_high,
)
from ntt.jit import inline, kernel
from ntt.simd import load, multiply_add_high, multiply_add_low, splat, store

# Products of two residues are below 2^100: after 8 of them on top of a reduced high word
# (below 2q < 2^51) the high accumulator is still below 2^52.
TERMS = 8
# Columns whose baby steps stay in the cache while every group passes over them.
_COLUMNS = 512


@inline
def accumulate(low, high, x, y):
    """(low, high) plus the low and high 52 bits of x y."""
    return multiply_add_low(low, x, y), multiply_add_high(high, x, y)


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    zero = splat(ZERO)
    for r in range(lo, hi):
        fold, constants = fold_constants(tables[rows[r]]), barrett_constants(tables[rows[r]])
        a0, a1, b0, b1 = a[0, r], a[1, r], b[0, r], b[1, r]
        z0, z1, z2 = out[0, r], out[1, r], out[2, r]
        for i in range(0, z0.size, 8):
            x0, x1, y0, y1 = load(a0, i), load(a1, i), load(b0, i), load(b1, i)
            low, high = accumulate(zero, zero, x0, y1)
            low, high = accumulate(low, high, x1, y0)
            store(z1, i, fold_wide(low, high, fold))
            store(z0, i, barrett(x0, y0, constants))
            store(z2, i, barrett(x1, y1, constants))


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1; below 2^11 digits."""
    zero = splat(ZERO)
    for r in range(lo, hi):
        fold = fold_constants(tables[rows[r]])
        k = key_rows[r]
        z0, z1 = out[0, r], out[1, r]
        for i in range(0, z0.size, 8):
            low0, high0, low1, high1 = zero, zero, zero, zero
            for d in range(digits.shape[0]):
                if d > 0 and d % TERMS == 0:
                    high0, high1 = reduce_high(high0, fold), reduce_high(high1, fold)
                x = load(digits[d, r], i)
                low0, high0 = accumulate(low0, high0, x, load(key[d, 0, k], i))
                low1, high1 = accumulate(low1, high1, x, load(key[d, 1, k], i))
            store(z0, i, fold_wide(low0, high0, fold))
            store(z1, i, fold_wide(low1, high1, fold))


@kernel
def diagonal_product(out, babies, diagonals, starts, baby_of, rows, tables, lo, hi):
    """out[g, p, r] = sum over terms t in [starts[g], starts[g + 1]) of
    diagonals[t, r] babies[baby_of[t], p, r], for p = 0, 1; below 2^11 terms a group.
    """
    zero = splat(ZERO)
    N = out.shape[3]
    for r in range(lo, hi):
        fold = fold_constants(tables[rows[r]])
        for column in range(0, N, _COLUMNS):
            for g in range(out.shape[0]):
                z0, z1 = out[g, 0, r], out[g, 1, r]
                for i in range(column, min(column + _COLUMNS, N), 8):
                    low0, high0, low1, high1 = zero, zero, zero, zero
                    for t in range(starts[g], starts[g + 1]):
                        if t > starts[g] and (t - starts[g]) % TERMS == 0:
                            high0, high1 = reduce_high(high0, fold), reduce_high(high1, fold)
                        w, baby = load(diagonals[t, r], i), babies[baby_of[t]]
                        low0, high0 = accumulate(low0, high0, w, load(baby[0, r], i))
                        low1, high1 = accumulate(low1, high1, w, load(baby[1, r], i))
                    store(z0, i, fold_wide(low0, high0, fold))
                    store(z1, i, fold_wide(low1, high1, fold))
