"""Exact arithmetic modulo q < 2^50 in float64 with fused multiply-add. Ranges: docs/bounds.md.

Residues are whole numbers in `f64` vectors. Between reductions they are signed. They never exceed
2^53 in absolute value, so float64 holds each of them exactly.
"""

from __future__ import annotations

from ntt.backends.layout import FLOAT_Q, FLOAT_Q_INVERSE, FLOAT_WIDE
from ntt.jit import inline
from ntt.simd.floats import (
    add_where_negative,
    floor,
    multiply_add,
    multiply_subtract,
    negative_multiply_add,
    rint,
    splat,
    splat_bits,
)


@inline
def field(row):
    """(q, 1 / q, 1 / 2q) in every lane, from the tables' row of a modulus."""
    q_inverse = splat_bits(row[FLOAT_Q_INVERSE])
    return splat_bits(row[FLOAT_Q]), q_inverse, q_inverse * splat(0.5)


@inline
def reduce(x, modulus):
    """x mod q in [-q/2 - 2, q/2 + 2], for any whole |x| <= 2^53."""
    q, q_inverse, _ = modulus
    return negative_multiply_add(rint(x * q_inverse), q, x)


@inline
def canonical(x, modulus):
    """x mod q in [0, q), for any whole |x| < 2^51.

    (x + 1/2) / q is at least 1 / 2q away from every whole number, which is more than the roundings
    can change it.
    """
    q, q_inverse, half_inverse = modulus
    return negative_multiply_add(floor(multiply_add(x, q_inverse, half_inverse)), q, x)


@inline
def multiply_lazy(y, w, w_quotient, modulus):
    """w y mod q for |y| <= 2^53, |w| <= q and w_quotient = w / q rounded.

    The result is below (1/2 + 2^-52 |w y| / q) q in absolute value. Rounding to a whole quotient
    adds 1/2 to the error of the quotient. The roundings of w / q and of the product add 2^-53 of
    the quotient each. For twiddles, |w| < q/2, the bound is (1/2 + |y| / 8q) q.
    """
    quotient = rint(y * w_quotient)  # first, because the rest waits for the quotient
    high = y * w
    low = multiply_subtract(y, w, high)
    return negative_multiply_add(quotient, modulus[0], high) + low


@inline
def multiply(x, y, modulus):
    """x y mod q in [0, q) for x, y in [0, q).

    The quotient is off by at most 1/2 + 3 * 2^-53 q < 1, so one correction is enough.
    """
    q, q_inverse, _ = modulus
    high = x * y
    low = multiply_subtract(x, y, high)
    quotient = rint(high * q_inverse)
    return add_where_negative(negative_multiply_add(quotient, q, high) + low, q)


# ------------------------------------------------------------ sums of products with one reduction

TERMS = 6
"""How many terms x y < 2^50 q `accumulate` may add before `fold`."""


@inline
def accumulate(total, error, x, y):
    """(total, error) plus the product x y, exactly; 0 <= x < 2^50, 0 <= y < q.

    `total` starts at 2^(52 + n), n = bits(q), so it counts in units of 2^n. `error` is the sum of
    its rounding errors.
    """
    raised = multiply_add(x, y, total)
    return raised, error + multiply_subtract(x, y, raised - total)


@inline
def start(row):
    """2^(52 + n): where the total of a sum of products starts."""
    return splat_bits(row[FLOAT_WIDE])


@inline
def fold(total, error, wide, modulus):
    """The sum (total - wide + error) mod q in [-q/2 - 2, q/2 + 2] after TERMS products."""
    q, q_inverse, _ = modulus
    total = total - wide
    total = negative_multiply_add(rint(total * q_inverse), q, total)
    return reduce(total + error, modulus)


@inline
def fold_canonical(total, error, wide, modulus):
    """`fold`, in [0, q)."""
    return add_where_negative(fold(total, error, wide, modulus), modulus[0])
