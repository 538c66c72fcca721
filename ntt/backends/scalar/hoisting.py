"""The hoisted product on 64-bit words: blocks [lo, hi)."""

from __future__ import annotations

from ntt.backends import hoisting
from ntt.backends.layout import VECTOR
from ntt.backends.scalar.arithmetic import TERMS, ZERO, accumulate, fold, reduce_high
from ntt.jit import inline, kernel


@inline
def _gadget(pair, digits, addend, key, k, r, first_column, c):
    """pair[p, i] = sum_d digits[d, r, column] key[d, p, k, column], plus the addend for p = 0."""
    for i in range(pair.shape[1]):
        column = first_column + i
        low0, high0, low1, high1 = addend[column], ZERO, ZERO, ZERO
        for d in range(digits.shape[0]):
            if d > 0 and d % TERMS == 0:
                high0, high1 = reduce_high(high0, c), reduce_high(high1, c)
            x = digits[d, r, column]
            low0, high0 = accumulate(low0, high0, x, key[d, 0, k, column])
            low1, high1 = accumulate(low1, high1, x, key[d, 1, k, column])
        pair[0, i], pair[1, i] = fold(low0, high0, c), fold(low1, high1, c)


@inline
def _weighted_sum(z0, z1, i, products, weights, product_of, begin, end, c):
    """Eight columns from i on of sum_t weights[t] products[product_of[t], p], begin <= t < end."""
    for lane in range(VECTOR):
        low0, high0, low1, high1 = ZERO, ZERO, ZERO, ZERO
        for t in range(begin, end):
            if t > begin and (t - begin) % TERMS == 0:
                high0, high1 = reduce_high(high0, c), reduce_high(high1, c)
            x, at = weights[t * VECTOR + lane], product_of[t] * 2 * VECTOR + lane
            low0, high0 = accumulate(low0, high0, x, products[at])
            low1, high1 = accumulate(low1, high1, x, products[at + VECTOR])
        z0[i + lane], z1[i + lane] = fold(low0, high0, c), fold(low1, high1, c)


@kernel
def hoisted_product(
    out, digits, addends, keys, blocks, sums, scratch, first, rows, tables, lo, hi
):
    """`ntt.backends.hoisting.hoisted_product` on 64-bit words."""
    hoisting.hoisted_product(
        _gadget, _weighted_sum, out, digits, addends, keys, blocks, sums, scratch, first, rows,
        tables, lo, hi
    )
