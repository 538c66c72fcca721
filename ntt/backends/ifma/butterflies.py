"""The butterflies of both transforms, for moduli of up to 50 bits and for narrow ones.

Narrow moduli leave room in a word of 52 bits: their sums wait several stages for a reduction. What
waits is a word whose low 52 bits count, because products read no others.

Beside each butterfly stands the function that reduces a vector where the passes of
`ntt.backends.ifma.transform` ask for a reduction. Ranges: docs/bounds.md.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.arithmetic import MASK, negative, reduce_word, shoup_lazy, shoup_word
from ntt.backends.layout import ONE_SHOUP, Q
from ntt.jit import inline
from ntt.simd.integers import splat, vmin

NARROW = np.uint64(1 << 46)
"""Moduli below this are narrow."""

@inline
def is_narrow(row):
    """Whether the modulus of a row of the tables is narrow."""
    return row[Q] < NARROW


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
    c = shoup_word(c, w, w_shoup, negative_q)
    return a + c, a + two_q - c


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
    """(a + c, (a - c) w) in the low 52 bits; c at most 8q, the product below 2q."""
    _, eight_q, negative_q, _, _ = ranges
    return a + c, shoup_word(a + eight_q - c, w, w_shoup, negative_q)


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
