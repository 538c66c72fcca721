"""The hoisted quotients (`ntt.limbs.LimbOps.hoisted_quotients`): keys [lo, hi), results in [0, q).

Of a product with a key only the limbs that are divided away go through memory. The others are
summed in registers, less the transformed remainder, times 1/D, and stored where the permutation
puts them. Every row of a key is read once, as a run of words that is fetched a little ahead.

Loops over vectors are functions of their own: Numba counts references to arrays around each call.
"""

from __future__ import annotations

from ntt.addresses import array_at
from ntt.backends.hoisting import move_lanes, move_target
from ntt.backends.ifma.arithmetic import (
    MASK,
    ONE,
    WORD,
    ZERO,
    fold_constants,
    fold_wide,
    negative,
    reduce_high,
    shoup_lazy,
)
from ntt.backends.ifma.hoisting import most_terms
from ntt.backends.ifma.products import TERMS, accumulate
from ntt.backends.ifma.transform import forward_row, inverse_row
from ntt.backends.layout import ONE_SHOUP, RADIX, RADIX_SHOUP, Q
from ntt.backends.quotients import overflow_count
from ntt.jit import inline, kernel
from ntt.simd import load, prefetch, select_lanes, splat, store, vmin

# Words of a key between what is read and what is fetched: the last of them belong to the next limb.
_AHEAD = 256


@inline
def _two_factors(w, w_shoup, wide, wide_shoup, c):
    """What `_fold_times` needs; wide = 2^52 w mod q."""
    negative_q, mask, word = negative(c[Q]), splat(MASK), splat(WORD)
    return splat(w), splat(w_shoup), splat(wide), splat(wide_shoup), negative_q, mask, word


@inline
def _fold_times(low, high, factors):
    """(high 2^52 + low) w mod q, below 4q, for high + low / 2^52 < 2^52."""
    w, w_shoup, wide, wide_shoup, negative_q, mask, word = factors
    total = shoup_lazy(high + (low >> word), wide, wide_shoup, negative_q, mask)
    return total + shoup_lazy(low & mask, w, w_shoup, negative_q, mask)


@inline
def _accumulate_pair(a, high_a, b, high_b, x, key_a, key_b, i):
    """The sums of both parts plus x times the key, of which the next words are fetched."""
    prefetch(key_a, i + _AHEAD)
    prefetch(key_b, i + _AHEAD)
    a, high_a = accumulate(a, high_a, x, load(key_a, i))
    b, high_b = accumulate(b, high_b, x, load(key_b, i))
    return a, high_a, b, high_b


@kernel
def _sum_row(out0, out1, digits, r, key, k, c):
    """Both parts of sum_d digits[d, r] key[d, p, k], in [0, q)."""
    fold, most, count = fold_constants(c), most_terms(c), digits.shape[0]
    zero = splat(ZERO)
    for i in range(0, out0.size, 8):
        a, b = zero, zero
        d = 0
        while d < count:
            high_a, high_b = zero, zero
            last = min(d + most, count)
            while d < last:
                a, high_a, b, high_b = _accumulate_pair(
                    a, high_a, b, high_b, load(digits[d, r], i), key[d, 0, k], key[d, 1, k], i
                )
                d += 1
            a, b = fold_wide(a, high_a, fold), fold_wide(b, high_b, fold)
        store(out0, i, a)
        store(out1, i, b)


@kernel
def _scale_row(x, w, w_shoup, shift, c):
    """x = x w + shift."""
    q, two_q = splat(c[Q]), splat(c[Q] + c[Q])
    negative_q, mask, addend = negative(c[Q]), splat(MASK), splat(shift)
    factor, factor_shoup = splat(w), splat(w_shoup)
    for i in range(0, x.size, 8):
        p = shoup_lazy(load(x, i), factor, factor_shoup, negative_q, mask) + addend
        p = vmin(p, p - two_q)
        store(x, i, vmin(p, p - q))


@kernel
def _convert_row(out, y, weights, offset, c):
    """out = sum_s weights[s] y[s] + offset, below 4q; y below 2^50, fewer than 2^11 sources."""
    zero, shift, fold = splat(ZERO), splat(offset), fold_constants(c)
    once = _two_factors(ONE, c[ONE_SHOUP], c[RADIX], c[RADIX_SHOUP], c)
    # Four sums side by side hide the latency of the products and share the weights.
    for i in range(0, out.size, 32):
        low0, low1, low2, low3 = shift, shift, shift, shift
        high0, high1, high2, high3 = zero, zero, zero, zero
        for s in range(y.shape[0]):
            if s > 0 and s % TERMS == 0:
                high0, high1 = reduce_high(high0, fold), reduce_high(high1, fold)
                high2, high3 = reduce_high(high2, fold), reduce_high(high3, fold)
            source, w = y[s], splat(weights[s])
            low0, high0 = accumulate(low0, high0, load(source, i), w)
            low1, high1 = accumulate(low1, high1, load(source, i + 8), w)
            low2, high2 = accumulate(low2, high2, load(source, i + 16), w)
            low3, high3 = accumulate(low3, high3, load(source, i + 24), w)
        store(out, i, _fold_times(low0, high0, once))
        store(out, i + 8, _fold_times(low1, high1, once))
        store(out, i + 16, _fold_times(low2, high2, once))
        store(out, i + 24, _fold_times(low3, high3, once))


@kernel
def _quotient_row(
    out0, out1, rest, digits, r, key, k, addend, moves, lanes, w, w_shoup, wide, wide_shoup, c
):
    """Both parts of (sum_d digits[d, r] key[d, p, k] - rest[p]) w, the addend on top of the first,
    permuted.
    """
    fold, most, count = fold_constants(c), most_terms(c), digits.shape[0]
    zero, q, two_q = splat(ZERO), splat(c[Q]), splat(c[Q] + c[Q])
    factors = _two_factors(w, w_shoup, wide, wide_shoup, c)
    rest0, rest1 = rest[0], rest[1]
    for v in range(moves.size):
        i = 8 * v
        a, b = q - load(rest0, i), q - load(rest1, i)
        high_a, high_b = zero, zero
        d = 0
        while d < count:
            if d > 0:
                a, b = fold_wide(a, high_a, fold), fold_wide(b, high_b, fold)
                high_a, high_b = zero, zero
            last = min(d + most, count)
            while d < last:
                a, high_a, b, high_b = _accumulate_pair(
                    a, high_a, b, high_b, load(digits[d, r], i), key[d, 0, k], key[d, 1, k], i
                )
                d += 1
        a, b = _fold_times(a, high_a, factors), _fold_times(b, high_b, factors)
        a, b = vmin(a, a - two_q) + load(addend, i), vmin(b, b - two_q)
        a = vmin(a, a - two_q)
        to, order = move_target(moves[v]) * 8, load(lanes, move_lanes(moves[v]))
        store(out0, to, select_lanes(vmin(a, a - q), order))
        store(out1, to, select_lanes(vmin(b, b - q), order))


@kernel
def hoisted_quotients(
    out, digits, addend, keys, key_limbs, key_rows, moves, lanes, inverses, inverses_shoup, shifts,
    reciprocals, weights, weights_shoup, offsets, factors, factors_shoup, wide, wide_shoup, memory,
    rows, tables, lo, hi
):
    """`ntt.backends.quotients.hoisted_quotients`, limb by limb."""
    kept, dropped, N = out.shape[2], shifts.size, out.shape[3]
    terms = memory[: 2 * (dropped + 1) * N].reshape(2, dropped + 1, N)
    rest = memory[terms.size :][: 2 * N].reshape(2, N)
    sources = dropped + (dropped > 1)
    for n in range(lo, hi):
        key = array_at(keys[n], (digits.shape[0], 2, key_limbs[n], N))
        for s in range(dropped):
            r = kept + s
            c = tables[rows[r]]
            _sum_row(terms[0, s], terms[1, s], digits, r, key, key_rows[n, r], c)
            for p in range(2):
                inverse_row(terms[p, s], c)
                _scale_row(terms[p, s], inverses[s], inverses_shoup[s], shifts[s], c)
        if dropped > 1:
            overflow_count(terms[0, dropped], terms[0], reciprocals)
            overflow_count(terms[1, dropped], terms[1], reciprocals)
        for r in range(kept):
            c = tables[rows[r]]
            for p in range(2):
                _convert_row(rest[p], terms[p, :sources], weights[r], offsets[r], c)
                forward_row(rest[p], c)
            _quotient_row(
                out[n, 0, r], out[n, 1, r], rest, digits, r, key, key_rows[n, r], addend[r],
                moves[n], lanes[n], factors[r], factors_shoup[r], wide[r], wide_shoup[r], c,
            )
