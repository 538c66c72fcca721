"""Reductions on eight lanes of 52-bit words. Ranges: docs/bounds.md.

Every vector is a `u64x8`; q < 2^50, negative_q = 2^52 - q, mask = 2^52 - 1 in every lane.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.layout import MU, ONE_SHOUP, RADIX, RADIX_SHOUP, SHIFT, Q
from ntt.jit import inline
from ntt.simd.integers import multiply_add_high, multiply_add_low, splat, vmin

MASK = np.uint64((1 << 52) - 1)
ZERO = np.uint64(0)
ONE = np.uint64(1)
WORD = np.uint64(52)


@inline
def negative(q):
    """2^52 - q in every lane."""
    return splat((ZERO - q) & MASK)


@inline
def shoup_lazy(y, w, w_shoup, negative_q, mask):
    """w y mod q in [0, 2q) for any y < 2^52; w < q, w_shoup = floor(w 2^52 / q)."""
    return shoup_word(y, w, w_shoup, negative_q) & mask


@inline
def shoup_word(y, w, w_shoup, negative_q):
    """`shoup_lazy` in the low 52 bits of a word, which is all that products read."""
    zero = splat(ZERO)
    quotient = multiply_add_high(zero, w_shoup, y)
    return multiply_add_low(multiply_add_low(zero, w, y), quotient, negative_q)


@inline
def reduce_word(y, one_shoup, negative_q):
    """y mod q in [0, 2q) for any y < 2^52; both stand in the low 52 bits of their words."""
    quotient = multiply_add_high(splat(ZERO), one_shoup, y)
    return multiply_add_low(y, quotient, negative_q)


@inline
def reduce_lazy(x, q, two_q):
    """x mod q for x below 4q."""
    x = vmin(x, x - two_q)
    return vmin(x, x - q)


@inline
def barrett_constants(c):
    """What `barrett` needs, from the constants of a modulus."""
    shift = c[SHIFT]
    return splat(c[Q]), negative(c[Q]), splat(c[MU]), splat(shift), splat(WORD - shift), splat(MASK)


@inline
def barrett(x, y, constants):
    """x y mod q for x, y in [0, q).

    The estimate of the quotient is too small by less than 1/2 + 1 + 1: the remainder is below 3q.
    """
    q, negative_q, mu, shift, up_shift, mask = constants
    zero = splat(ZERO)
    low = multiply_add_low(zero, x, y)
    high = multiply_add_high(zero, x, y)
    t = (high << up_shift) | (low >> shift)
    quotient = multiply_add_high(zero, t, mu)
    r = multiply_add_low(low, quotient, negative_q) & mask
    r = vmin(r, r - q)
    return vmin(r, r - q)


@inline
def fold_constants(c):
    """What `reduce_high` and `fold_wide` need, from the constants of a modulus."""
    return (
        splat(c[Q]),
        splat(c[Q] + c[Q]),
        negative(c[Q]),
        splat(c[RADIX]),
        splat(c[RADIX_SHOUP]),
        splat(c[ONE_SHOUP]),
        splat(MASK),
    )


@inline
def reduce_high(high, constants):
    """high mod q in [0, 2q) for high < 2^52."""
    _, _, negative_q, _, _, one_shoup, mask = constants
    return reduce_word(high, one_shoup, negative_q) & mask


@inline
def fold_lazy(low, high, constants):
    """(high 2^52 + low) mod q below 4q for low < 2^64 and high + low / 2^52 < 2^52."""
    _, _, negative_q, radix, radix_shoup, one_shoup, mask = constants
    high = high + (low >> splat(WORD))
    low = low & mask
    total = shoup_lazy(high, radix, radix_shoup, negative_q, mask)
    return total + (reduce_word(low, one_shoup, negative_q) & mask)


@inline
def fold_wide(low, high, constants):
    """`fold_lazy` in [0, q)."""
    total = fold_lazy(low, high, constants)
    return reduce_lazy(total, constants[0], constants[1])


@inline
def montgomery_constants(c):
    """What `montgomery` needs: q and -1/q modulo 2^52."""
    q = c[Q]
    inverse = q  # right in 3 bits, because q is odd; every step doubles their number
    for _ in range(5):
        inverse = inverse * (np.uint64(2) - q * inverse)
    return splat(q), splat((ZERO - inverse) & MASK)


@inline
def montgomery(low, high, constants):
    """(high 2^52 + low) / 2^52 mod q, below high + low / 2^52 + q; low < 2^64 - 2^52.

    Montgomery, Math. Comp. 44 (1985).
    """
    q, negative_inverse = constants
    m = multiply_add_low(splat(ZERO), low, negative_inverse)
    return multiply_add_high(high, m, q) + (multiply_add_low(low, m, q) >> splat(WORD))


@inline
def montgomery_terms(c):
    """How many products of residues sum to less than 2^52 q: at least 4, at most 2^11."""
    return min(np.int64(1) << 11, np.int64((np.uint64(1) << WORD) // c[Q]))
