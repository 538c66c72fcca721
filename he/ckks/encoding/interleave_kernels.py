"""Transforms to weights on AVX-512: whole cache lines, written past the caches."""

from __future__ import annotations

from ntt.jit import kernel
from ntt.simd.integers import fence, load, shuffle, stream

low_halves = shuffle((0, 1, 2, 3, 8, 9, 10, 11))
high_halves = shuffle((4, 5, 6, 7, 12, 13, 14, 15))
low_pairs = shuffle((0, 1, 8, 9, 2, 3, 10, 11))
high_pairs = shuffle((4, 5, 12, 13, 6, 7, 14, 15))


@kernel
def interleave_lines(out, x, rows, terms, lanes, limbs, limb, term):
    """`encoder_kernels.interleave` of flat arrays, for 2 or 4 lanes.

    out: words of (.., rows, terms, lanes); x: words of (count, limbs, rows lanes). The place of
    out, and terms, term and count times lanes, are multiples of a cache line's 8 words, rows one
    of 4.
    """
    row = terms * lanes
    limb_words = rows * lanes
    count = x.size // (limbs * limb_words)
    step = limbs * limb_words
    for i in range(limbs):
        place = (limb + i) * rows * row + term * lanes
        if lanes == 4:
            for r in range(0, rows, 2):
                for t in range(0, count, 2):
                    source = t * step + i * limb_words + 4 * r
                    a, b = load(x, source), load(x, source + step)
                    target = place + r * row + 4 * t
                    stream(out, target, low_halves(a, b))
                    stream(out, target + row, high_halves(a, b))
        else:
            for r in range(0, rows, 4):
                for t in range(0, count, 4):
                    source = t * step + i * limb_words + 2 * r
                    a, b = load(x, source), load(x, source + step)
                    c, d = load(x, source + 2 * step), load(x, source + 3 * step)
                    e, f = low_pairs(a, b), low_pairs(c, d)
                    g, h = high_pairs(a, b), high_pairs(c, d)
                    target = place + r * row + 2 * t
                    stream(out, target, low_halves(e, f))
                    stream(out, target + row, high_halves(e, f))
                    stream(out, target + 2 * row, low_halves(g, h))
                    stream(out, target + 3 * row, high_halves(g, h))
    fence()
