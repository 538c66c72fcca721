"""Sums of products in 128 bits, reduced once for many terms. Ranges: docs/bounds.md."""

from __future__ import annotations

import numpy as np

from ntt import reduction
from ntt.backends.layout import ONE_SHOUP, RADIX, RADIX_SHOUP, Q
from ntt.jit import inline
from ntt.reduction import multiply_high, shoup_lazy

TERMS = 32
"""Products of two residues, below 2^122 each, that fit on top of a high word from `reduce_high`.

That word stands for less than 2q 2^64 < 2^126, so the sum stays below 2^128.
"""

ZERO = np.uint64(0)
_ONE = np.uint64(1)


@inline
def accumulate(low, high, x, y):
    """(high, low) + x y, a sum below 2^128."""
    product = x * y
    low = low + product
    carry = _ONE if low < product else ZERO
    return low, high + multiply_high(x, y) + carry


@inline
def fold(low, high, c):
    """(high 2^64 + low) mod q in [0, q), from the constants c of a modulus."""
    return reduction.fold_wide(low, high, c[Q], c[RADIX], c[RADIX_SHOUP], c[ONE_SHOUP])


@inline
def reduce_high(high, c):
    """high mod q in [0, 2q), for any word."""
    return shoup_lazy(high, _ONE, c[ONE_SHOUP], c[Q])
