"""The butterflies of both transforms, for moduli of up to 50 bits and for narrower ones.

Narrower moduli leave room in a word of 52 bits: their sums wait several stages for a reduction.
What waits is a word whose low 52 bits count, because products read no others.

Beside each butterfly stands the function that reduces a vector where the passes of
`ntt.backends.ifma.transform` ask for a reduction. Ranges: docs/bounds.md.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.arithmetic import (
    MASK,
    ZERO,
    negative,
    reduce_word,
    shoup_lazy,
    shoup_word,
)
from ntt.backends.layout import ONE_SHOUP, Q
from ntt.jit import inline
from ntt.simd.integers import multiply_add_high, multiply_add_low, splat, vmin

NARROW_FORWARD = np.uint64(1 << 46)
"""Moduli below this leave a forward transform unreduced up to its end."""

NARROW_INVERSE = np.uint64(1 << 48)
"""Moduli below this let an inverse transform reduce one sum in four."""

MIDDLE = np.uint64(1 << 49)
"""Moduli below this leave room for three forward stages, or for two inverse ones."""


@inline
def is_below(row, bound):
    """Whether the modulus of a row of the tables is below a bound."""
    return row[Q] < bound


@inline
def ranges_of(row, multiple):
    """(q, multiple q, 2^52 - q, mask, Shoup constant of 1) in every lane."""
    q = row[Q]
    return splat(q), splat(q * multiple), negative(q), splat(MASK), splat(row[ONE_SHOUP])


# ---------------------------------------------------------------- forward


@inline
def cooley_tukey(a, c, w, w_shoup, ranges):
    """(a + w c, a - w c); in and out below 4q."""
    _, two_q, negative_q, mask, _ = ranges
    a = vmin(a, a - two_q)
    c = shoup_lazy(c, w, w_shoup, negative_q, mask)
    return a + c, a + two_q - c


@inline
def below_q(u, ranges):
    """u mod q for u below 4q."""
    q, two_q, _, _, _ = ranges
    u = vmin(u, u - two_q)
    return vmin(u, u - q)


@inline
def narrow_cooley_tukey(a, c, w, w_shoup, ranges):
    """(a + w c, a - w c), below 2q more than a, in the low 52 bits."""
    _, two_q, negative_q, _, _ = ranges
    doubled = a + two_q + a
    quotient = multiply_add_high(splat(ZERO), w_shoup, c)
    a = multiply_add_low(multiply_add_low(a, w, c), quotient, negative_q)
    return a, doubled - a


@inline
def narrow_below_q(u, ranges):
    """u mod q for the low 52 bits of u."""
    q, _, negative_q, mask, one_shoup = ranges
    u = reduce_word(u, one_shoup, negative_q) & mask
    return vmin(u, u - q)


# ---------------------------------------------------------------- inverse


@inline
def gentleman_sande(a, c, w, w_shoup, ranges):
    """(a + c, (a - c) w); in and out below 2q."""
    _, two_q, negative_q, mask, _ = ranges
    u = a + c
    return vmin(u, u - two_q), shoup_lazy(a + two_q - c, w, w_shoup, negative_q, mask)


@inline
def unchanged(u, ranges):
    """u."""
    return u


@inline
def narrow_gentleman_sande(a, c, w, w_shoup, ranges):
    """(a + c, (a - c) w) in the low 52 bits; c at most the multiple of q in `ranges`, the product
    below 2q.
    """
    _, multiple, negative_q, _, _ = ranges
    return a + c, shoup_word(a + multiple - c, w, w_shoup, negative_q)


@inline
def narrow_reduced(u, ranges):
    """u mod q below 2q, in the low 52 bits, as those of u."""
    _, _, negative_q, _, one_shoup = ranges
    return reduce_word(u, one_shoup, negative_q)


@inline
def scaled(u, w, w_shoup, ranges):
    """u w mod q for the low 52 bits of u."""
    q, _, negative_q, mask, _ = ranges
    u = shoup_lazy(u, w, w_shoup, negative_q, mask)
    return vmin(u, u - q)
