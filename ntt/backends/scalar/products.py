"""Sums of products with one reduction for many terms: rows [lo, hi)."""

from __future__ import annotations

from ntt import reduction
from ntt.backends.layout import MU, SHIFT, Q
from ntt.backends.scalar.arithmetic import TERMS, ZERO, accumulate, fold, reduce_high
from ntt.jit import kernel
from ntt.reduction import multiply_high


@kernel
def tensor(out, a, b, rows, tables, lo, hi):
    """(a0 b0, a0 b1 + a1 b0, a1 b1) of two pairs (2, rows, N), into (3, rows, N)."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        q, mu, shift = c[Q], c[MU], c[SHIFT]
        for i in range(out.shape[2]):
            x0, x1, y0, y1 = a[0, r, i], a[1, r, i], b[0, r, i], b[1, r, i]
            low, high = accumulate(x0 * y1, multiply_high(x0, y1), x1, y0)
            out[0, r, i] = reduction.barrett(x0, y0, q, mu, shift)
            out[1, r, i] = fold(low, high, c)
            out[2, r, i] = reduction.barrett(x1, y1, q, mu, shift)


@kernel
def gadget_product(out, digits, key, key_rows, rows, tables, lo, hi):
    """out[p, r] = sum_d digits[d, r] key[d, p, key_rows[r]] for p = 0, 1."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        k = key_rows[r]
        for i in range(out.shape[2]):
            low0, high0, low1, high1 = ZERO, ZERO, ZERO, ZERO
            for d in range(digits.shape[0]):
                if d > 0 and d % TERMS == 0:
                    high0, high1 = reduce_high(high0, c), reduce_high(high1, c)
                x = digits[d, r, i]
                low0, high0 = accumulate(low0, high0, x, key[d, 0, k, i])
                low1, high1 = accumulate(low1, high1, x, key[d, 1, k, i])
            out[0, r, i] = fold(low0, high0, c)
            out[1, r, i] = fold(low1, high1, c)
