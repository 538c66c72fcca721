"""The hoisted product (`ntt.limbs.LimbOps.hoisted_product`): blocks [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends import hoisting
from ntt.backends.fma.arithmetic import TERMS, accumulate, field, fold_canonical, start
from ntt.jit import inline, kernel
from ntt.simd.floats import LANES, load_residues, splat, store_residues


@inline
def _gadget(pair, digits, addend, key, k, r, first_column, c):
    """pair[p, i] = sum_d digits[d, r, column] key[d, p, k, column], plus the addend for p = 0."""
    modulus, wide, zero = field(c), start(c), splat(0.0)
    count = digits.shape[0]
    for i in range(0, pair.shape[1], LANES):
        column = first_column + i
        a, b = load_residues(addend, column), zero
        for first in range(0, count, TERMS):
            total0, total1, error0, error1 = wide, wide, a, b
            for d in range(first, min(first + TERMS, count)):
                x = load_residues(digits[d, r], column)
                total0, error0 = accumulate(total0, error0, x, load_residues(key[d, 0, k], column))
                total1, error1 = accumulate(total1, error1, x, load_residues(key[d, 1, k], column))
            a = fold_canonical(total0, error0, wide, modulus)
            b = fold_canonical(total1, error1, wide, modulus)
        store_residues(pair[0], i, a)
        store_residues(pair[1], i, b)


@inline
def _weighted_sum(z0, z1, i, products, weights, product_of, begin, end, c):
    """Eight columns from i on of sum_t weights[t] products[product_of[t], p], begin <= t < end."""
    modulus, wide, zero = field(c), start(c), splat(0.0)
    for lane in range(0, hoisting.VECTOR, LANES):
        a, b = zero, zero
        for first in range(begin, end, TERMS):
            total0, total1, error0, error1 = wide, wide, a, b
            for t in range(first, min(first + TERMS, end)):
                at = product_of[t] * 2 * hoisting.VECTOR + lane
                x = load_residues(weights, t * hoisting.VECTOR + lane)
                total0, error0 = accumulate(total0, error0, x, load_residues(products, at))
                y = load_residues(products, at + hoisting.VECTOR)
                total1, error1 = accumulate(total1, error1, x, y)
            a = fold_canonical(total0, error0, wide, modulus)
            b = fold_canonical(total1, error1, wide, modulus)
        store_residues(z0, i + lane, a)
        store_residues(z1, i + lane, b)


@kernel
def hoisted_product(
    out, digits, addends, keys, blocks, sums, scratch, first, rows, tables, lo, hi
):
    """`ntt.backends.hoisting.hoisted_product` in float64."""
    hoisting.hoisted_product(
        _gadget, _weighted_sum, out, digits, addends, keys, blocks, sums, scratch, first, rows,
        tables, lo, hi
    )
