"""Sums of products with one reduction for many terms: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends.fma.arithmetic import (
    TERMS,
    accumulate,
    field,
    fold,
    fold_canonical,
    multiply,
    start,
)
from ntt.backends.fma.vectors import LANES, load_residues, splat, store_residues
from ntt.jit import kernel

# Columns whose baby steps stay in the cache while every group passes over them.
_COLUMNS = 512


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    zero = splat(0.0)
    for r in range(lo, hi):
        modulus, wide = field(tables[rows[r]]), start(tables[rows[r]])
        a0, a1, b0, b1 = a[0, r], a[1, r], b[0, r], b[1, r]
        z0, z1, z2 = out[0, r], out[1, r], out[2, r]
        for i in range(0, z0.size, LANES):
            x0, x1 = load_residues(a0, i), load_residues(a1, i)
            y0, y1 = load_residues(b0, i), load_residues(b1, i)
            total, error = accumulate(wide, zero, x0, y1)
            total, error = accumulate(total, error, x1, y0)
            store_residues(z0, i, multiply(x0, y0, modulus))
            store_residues(z1, i, fold_canonical(total, error, wide, modulus))
            store_residues(z2, i, multiply(x1, y1, modulus))


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1."""
    zero = splat(0.0)
    for r in range(lo, hi):
        modulus, wide = field(tables[rows[r]]), start(tables[rows[r]])
        k = key_rows[r]
        z0, z1 = out[0, r], out[1, r]
        for i in range(0, z0.size, LANES):
            total0, error0, total1, error1 = wide, zero, wide, zero
            for d in range(digits.shape[0]):
                if d > 0 and d % TERMS == 0:
                    error0, error1 = (
                        fold(total0, error0, wide, modulus),
                        fold(total1, error1, wide, modulus),
                    )
                    total0, total1 = wide, wide
                x = load_residues(digits[d, r], i)
                total0, error0 = accumulate(total0, error0, x, load_residues(key[d, 0, k], i))
                total1, error1 = accumulate(total1, error1, x, load_residues(key[d, 1, k], i))
            store_residues(z0, i, fold_canonical(total0, error0, wide, modulus))
            store_residues(z1, i, fold_canonical(total1, error1, wide, modulus))


@kernel
def diagonal_product(out, babies, diagonals, starts, baby_of, rows, tables, lo, hi):
    """out[g, p, r] = sum over terms t in [starts[g], starts[g + 1]) of
    diagonals[t, r] babies[baby_of[t], p, r], for p = 0, 1.
    """
    zero = splat(0.0)
    N = out.shape[3]
    for r in range(lo, hi):
        modulus, wide = field(tables[rows[r]]), start(tables[rows[r]])
        for column in range(0, N, _COLUMNS):
            for g in range(out.shape[0]):
                z0, z1 = out[g, 0, r], out[g, 1, r]
                for i in range(column, min(column + _COLUMNS, N), LANES):
                    total0, error0, total1, error1 = wide, zero, wide, zero
                    for t in range(starts[g], starts[g + 1]):
                        if t > starts[g] and (t - starts[g]) % TERMS == 0:
                            error0, error1 = (
                                fold(total0, error0, wide, modulus),
                                fold(total1, error1, wide, modulus),
                            )
                            total0, total1 = wide, wide
                        w, baby = load_residues(diagonals[t, r], i), babies[baby_of[t]]
                        y0, y1 = load_residues(baby[0, r], i), load_residues(baby[1, r], i)
                        total0, error0 = accumulate(total0, error0, w, y0)
                        total1, error1 = accumulate(total1, error1, w, y1)
                    store_residues(z0, i, fold_canonical(total0, error0, wide, modulus))
                    store_residues(z1, i, fold_canonical(total1, error1, wide, modulus))
