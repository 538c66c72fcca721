"""Sums of products with one reduction for many terms: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends.fma.arithmetic import (
    accumulate,
    field,
    fold_canonical,
    multiply,
    start,
)
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES, load_residues, splat, store_residues

# Terms that are read side by side, at most TERMS. Each reads three rows, which lie a power of two
# apart and so compete for the same few places of the first-level cache. The sum of these terms is
# reduced and carried on.
_STREAMED = 4


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


@inline
def _start_sums(z0, z1, i, continued, wide):
    """(total0, error0, total1, error1) of no terms, or of the earlier terms' sums in z0 and z1."""
    if continued:
        return wide, load_residues(z0, i), wide, load_residues(z1, i)
    zero = splat(0.0)
    return wide, zero, wide, zero


@inline
def _accumulate_term(sums, w, p0, p1, i):
    """`sums` of both parts, plus w times (p0, p1)."""
    total0, error0, total1, error1 = sums
    x = load_residues(w, i)
    total0, error0 = accumulate(total0, error0, x, load_residues(p0, i))
    total1, error1 = accumulate(total1, error1, x, load_residues(p1, i))
    return total0, error0, total1, error1


@inline
def _store_sums(z0, z1, i, sums, wide, modulus):
    total0, error0, total1, error1 = sums
    store_residues(z0, i, fold_canonical(total0, error0, wide, modulus))
    store_residues(z1, i, fold_canonical(total1, error1, wide, modulus))


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1."""
    count = digits.shape[0]
    for r in range(lo, hi):
        modulus, wide = field(tables[rows[r]]), start(tables[rows[r]])
        k = key_rows[r]
        z0, z1 = out[0, r], out[1, r]
        for first in range(0, max(count, 1), _STREAMED):
            some, keys = digits[first : first + _STREAMED], key[first : first + _STREAMED]
            for i in range(0, z0.size, LANES):
                sums = _start_sums(z0, z1, i, first > 0, wide)
                for d in range(some.shape[0]):
                    sums = _accumulate_term(sums, some[d, r], keys[d, 0, k], keys[d, 1, k], i)
                _store_sums(z0, z1, i, sums, wide, modulus)
