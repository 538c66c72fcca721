"""The stages whose butterflies lie inside one pair of vectors (t < LANES), for any LANES.

A pair (u, v) holds 2 LANES neighbours of a row. Before stage t of the forward transform, the left
inputs of its butterflies lie in u and v in runs of t. The runs of left inputs are picked into one
vector and the runs of right inputs into another, so that the stage is one butterfly of vectors.
"""

from __future__ import annotations

from ntt.backends.fma.arithmetic import canonical, multiply_lazy, reduce
from ntt.jit import inline
from ntt.simd.floats import LANES, load, shuffle


def _runs(t, offset):
    """The lanes of (u, v) that hold left (offset 0) or right (offset t) inputs, alternately."""
    return [
        vector + 2 * t * group + offset + i
        for group in range(LANES // (2 * t))
        for vector in (0, LANES)
        for i in range(t)
    ]


def _pick(t):
    return shuffle(_runs(t, 0)), shuffle(_runs(t, t))


def _repeat(t):
    """Twiddles 0, 1, .., each t times: one twiddle for every run."""
    return shuffle([lane // t for lane in range(LANES)])


_evens = shuffle(range(0, 2 * LANES, 2))
_odds = shuffle(range(1, 2 * LANES, 2))


def _forward_stage(t):
    left, right = _pick(t)
    reducing = t == 1  # so that the results are below 2q
    repeat = _repeat(t)

    @inline
    def stage(u, v, w, w_quotient, position, modulus):
        k = position // (2 * t)
        factor, quotient = load(w, k), load(w_quotient, k)
        a, c = left(u, v), right(u, v)
        if reducing:
            a = reduce(a, modulus)
        c = multiply_lazy(c, repeat(factor, factor), repeat(quotient, quotient), modulus)
        return a + c, a - c

    return stage


def _inverse_stage(t, left, right):
    repeat = _repeat(t)

    @inline
    def stage(u, v, w, w_quotient, position, modulus):
        k = position // (2 * t)
        factor, quotient = load(w, k), load(w_quotient, k)
        a, c = left(u, v), right(u, v)
        difference = multiply_lazy(
            a - c, repeat(factor, factor), repeat(quotient, quotient), modulus
        )
        return a + c, difference

    return stage


_forward2, _forward1 = _forward_stage(2), _forward_stage(1)
_inverse1, _inverse2 = _inverse_stage(1, _evens, _odds), _inverse_stage(2, *_pick(1))
_low, _high = _pick(LANES // 2)
_even_lanes, _odd_lanes = _pick(1)
_PAIR = 2 * LANES

# Two pairs take turns in every stage, so that neither waits for its own last result.

if LANES == 8:
    _forward4, _inverse4 = _forward_stage(4), _inverse_stage(4, *_pick(2))
    _interleave_low = shuffle([lane // 2 + 8 * (lane % 2) for lane in range(8)])
    _interleave_high = shuffle([(8 + lane) // 2 + 8 * (lane % 2) for lane in range(8)])

    @inline
    def _finish(u, v, modulus):
        u, v = canonical(u, modulus), canonical(v, modulus)
        return _interleave_low(u, v), _interleave_high(u, v)

    @inline
    def _forward_first(a, b, c, d, w, w_quotient, position, modulus):
        a, b = _forward4(a, b, w, w_quotient, position, modulus)
        c, d = _forward4(c, d, w, w_quotient, position + _PAIR, modulus)
        a, b = _forward2(a, b, w, w_quotient, position, modulus)
        c, d = _forward2(c, d, w, w_quotient, position + _PAIR, modulus)
        return a, b, c, d

    @inline
    def _inverse_last(a, b, c, d, w, w_quotient, position, modulus):
        a, b = _inverse2(a, b, w, w_quotient, position, modulus)
        c, d = _inverse2(c, d, w, w_quotient, position + _PAIR, modulus)
        a, b = _inverse4(a, b, w, w_quotient, position, modulus)
        c, d = _inverse4(c, d, w, w_quotient, position + _PAIR, modulus)
        return a, b, c, d

else:

    @inline
    def _finish(u, v, modulus):
        # Two steps of one AVX2 instruction each. Without code between them LLVM makes three.
        u, v = _even_lanes(u, v), _odd_lanes(u, v)
        u, v = canonical(u, modulus), canonical(v, modulus)
        return _low(u, v), _high(u, v)

    @inline
    def _forward_first(a, b, c, d, w, w_quotient, position, modulus):
        a, b = _forward2(a, b, w, w_quotient, position, modulus)
        c, d = _forward2(c, d, w, w_quotient, position + _PAIR, modulus)
        return a, b, c, d

    @inline
    def _inverse_last(a, b, c, d, w, w_quotient, position, modulus):
        a, b = _inverse2(a, b, w, w_quotient, position, modulus)
        c, d = _inverse2(c, d, w, w_quotient, position + _PAIR, modulus)
        return a, b, c, d


@inline
def forward_stages(a, b, c, d, w, w_quotient, position, modulus):
    """Stages t = LANES / 2 .. 1 of the pairs (a, b), (c, d) at `position` = N + their index."""
    a, b, c, d = _forward_first(a, b, c, d, w, w_quotient, position, modulus)
    a, b = _forward1(a, b, w, w_quotient, position, modulus)
    c, d = _forward1(c, d, w, w_quotient, position + _PAIR, modulus)
    a, b = _finish(a, b, modulus)
    c, d = _finish(c, d, modulus)
    return a, b, c, d


@inline
def inverse_stages(a, b, c, d, w, w_quotient, position, modulus):
    """Stages t = 1 .. LANES / 2; in [0, q), out below 3/2 q."""
    a, b = _inverse1(a, b, w, w_quotient, position, modulus)
    c, d = _inverse1(c, d, w, w_quotient, position + _PAIR, modulus)
    a, b, c, d = _inverse_last(a, b, c, d, w, w_quotient, position, modulus)
    a, c = reduce(a, modulus), reduce(c, modulus)
    return _low(a, b), _high(a, b), _low(c, d), _high(c, d)
