"""Reductions modulo a prime on 64-bit words, as small kernels with stated ranges.

Every function takes and returns uint64, inside Numba kernels or from Python. q is a prime below
2^61, n is its bit length. A function whose name ends in `_lazy` may return a representative outside
[0, q), as its docstring states; every other result is in [0, q). Proofs: docs/bounds.md.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ntt.jit import inline, kernel


@intrinsic
def multiply_high(typing_context, x, y):
    """``floor(x * y / 2^64)`` of two uint64."""

    def generate(context, builder, signature, arguments):
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(a, wide) for a in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@inline
def reduce_once(x, q):
    """x mod q for x in [0, 2q)."""
    return min(x, x - q)


@inline
def add(x, y, q):
    """x + y mod q for x, y in [0, q)."""
    return reduce_once(x + y, q)


@inline
def subtract(x, y, q):
    """x - y mod q for x, y in [0, q)."""
    return reduce_once(x + (q - y), q)


@inline
def shoup_lazy(y, w, w_shoup, q):
    """w * y mod q in [0, 2q), for any y < 2^64, w < q and w_shoup = floor(w 2^64 / q).

    floor(w_shoup y / 2^64) is at most 1 + y / 2^64 < 2 less than w y / q (Harvey,
    arXiv:1205.2926, Theorem 1).
    """
    return w * y - multiply_high(w_shoup, y) * q


@inline
def shoup(y, w, w_shoup, q):
    """w * y mod q for any y < 2^64, w < q and w_shoup = floor(w 2^64 / q)."""
    return reduce_once(shoup_lazy(y, w, w_shoup, q), q)


@inline
def barrett(x, y, q, mu, shift):
    """x * y mod q for x, y < 2^n, with shift = n - 2 and mu = floor(2^(shift + 64) / q).

    With t = floor(x y / 2^shift) < 2^(n + 2), the estimate floor(t mu / 2^64) is less than x y / q
    by at most mu / 2^64 <= 1/2 (from t), t / 2^64 <= 1/2 (from mu; n <= 61) and 1 (from the floor).
    So the remainder is below 2q.
    """
    low = x * y
    high = multiply_high(x, y)
    t = (high << (np.uint64(64) - shift)) | (low >> shift)
    return reduce_once(low - multiply_high(t, mu) * q, q)


@inline
def montgomery_lazy(low, high, q, negative_inverse):
    """(high 2^64 + low) / 2^64 mod q in [0, high + q], with negative_inverse = -q^-1 mod 2^64.

    Needs high + q < 2^64.
    """
    m = low * negative_inverse
    carry = np.uint64(1) if low != 0 else np.uint64(0)
    return high + multiply_high(m, q) + carry


@inline
def montgomery(x, y, q, negative_inverse):
    """x * y / 2^64 mod q for x * y < q 2^64, so for instance for x < q and any y < 2^64."""
    return reduce_once(montgomery_lazy(x * y, multiply_high(x, y), q, negative_inverse), q)


@inline
def fold_wide(low, high, q, radix, radix_shoup, one_shoup):
    """(high 2^64 + low) mod q for any 128-bit value.

    radix = 2^64 mod q with its Shoup constant; one_shoup = floor(2^64 / q). A Shoup product brings
    each half to [0, 2q), and 4q < 2^63.
    """
    total = shoup_lazy(high, radix, radix_shoup, q) + shoup_lazy(low, np.uint64(1), one_shoup, q)
    return reduce_once(reduce_once(total, q + q), q)


@kernel
def multiply_each(out, a, b, q, mu, shift):
    """out[i] = a[i] b mod q for uint64 arrays (words,); a, b, mu and shift as in `barrett`."""
    for i in range(a.size):
        out[i] = barrett(a[i], b, q, mu, shift)
