"""The hoisted quotients (`ntt.limbs.LimbOps.hoisted_quotients`): parts [lo, hi), results in [0, q).

Of a product with a key, only the limbs that the division drops go through memory. The kept limbs
are summed in registers on top of the addend less the transformed remainder. A Montgomery step
reduces the sums; the factor 2^52 of the digits makes up for its division by 2^52. The results are
stored where the permutation puts them. Every row of a key is read once, and fetched a little ahead.

Loops over vectors are functions of their own, because Numba counts the references to arrays once
around each call.
"""

from __future__ import annotations

from ntt.backends.addressed import array_at
from ntt.backends.contract import Conversion
from ntt.backends.hoisting import move_lanes, move_target
from ntt.backends.ifma.arithmetic import (
    MASK,
    WORD,
    ZERO,
    fold_constants,
    montgomery,
    montgomery_constants,
    montgomery_terms,
    reduce_high,
    reduce_lazy,
)
from ntt.backends.ifma.conversion import convert_lazy, convert_row_reduced
from ntt.backends.ifma.inverse_transform import inverse_row
from ntt.backends.ifma.products import LINE_BYTES, STREAMED_WORDS, accumulate
from ntt.backends.ifma.transform import forward_row
from ntt.backends.layout import Q
from ntt.jit import inline, kernel
from ntt.simd.integers import (
    fence,
    load,
    prefetch_first,
    select_lanes,
    splat,
    store,
    stream,
    vmin,
)

# How many words ahead of its use a key is fetched; at the end of a limb, words of the next limb.
_AHEAD = 384
# In rings of this degree and above, the terms of a remainder leave the second-level cache. The rows
# of digits and of a key lie multiples of a large power of two apart there, so that they compete for
# the same places of all caches, which are too few for the rows of both parts.
_LARGE = 1 << 14
# How many words of remainders are converted together there: more share the reading of the
# terms, fewer stay in a last-level cache.
_TOGETHER_WORDS = 1 << 20


@inline
def _accumulate_pair(a, high_a, b, high_b, x, key_a, key_b, i):
    """The sums of both parts plus x times the key; fetches later words of the key."""
    prefetch_first(key_a, i + _AHEAD)
    prefetch_first(key_b, i + _AHEAD)
    a, high_a = accumulate(a, high_a, x, load(key_a, i))
    b, high_b = accumulate(b, high_b, x, load(key_b, i))
    return a, high_a, b, high_b


@inline
def _carried(low, high, fold):
    """(low, high) of the same residue with low < 2^52 and high < 2q."""
    return low & splat(MASK), reduce_high(high + (low >> splat(WORD)), fold)


@inline
def _products(high_a, high_b, digits, r, key, k, i, most, fold, constants):
    """high_a and high_b plus both parts of sum_d digits[d, r] key[d, p, k] / 2^52.

    In below 2q, out below 4q.
    """
    a, b = splat(ZERO), splat(ZERO)
    d, count = 0, digits.shape[0]
    while d < count:
        if d > 0:
            (a, high_a), (b, high_b) = _carried(a, high_a, fold), _carried(b, high_b, fold)
        last = min(d + most, count)
        while d < last:
            a, high_a, b, high_b = _accumulate_pair(
                a, high_a, b, high_b, load(digits[d, r], i), key[d, 0, k], key[d, 1, k], i
            )
            d += 1
    return montgomery(a, high_a, constants), montgomery(b, high_b, constants)


@inline
def _products_of_part(high, digits, r, key, p, k, i, most, fold, constants):
    """`_products` of part p alone."""
    low = splat(ZERO)
    d, count = 0, digits.shape[0]
    while d < count:
        if d > 0:
            low, high = _carried(low, high, fold)
        last = min(d + most, count)
        while d < last:
            prefetch_first(key[d, p, k], i + _AHEAD)
            low, high = accumulate(low, high, load(digits[d, r], i), load(key[d, p, k], i))
            d += 1
    return montgomery(low, high, constants)


@kernel
def _sum_part(out, digits, r, key, p, k, c):
    """`_sum_row` of part p alone."""
    most, fold, constants = montgomery_terms(c), fold_constants(c), montgomery_constants(c)
    zero, two_q = splat(ZERO), splat(c[Q] + c[Q])
    for i in range(0, out.size, 8):
        a = _products_of_part(zero, digits, r, key, p, k, i, most, fold, constants)
        store(out, i, vmin(a, a - two_q))


@inline
def _put(out, at, value, streams):
    """Store a vector, past the caches if it `streams`."""
    if streams:
        stream(out, at, value)
    else:
        store(out, at, value)


@kernel
def _quotient_part(out, rest, digits, r, key, p, k, addend, moves, lanes, c, streams):
    """`_quotient_row` of part p alone."""
    most, fold, constants = montgomery_terms(c), fold_constants(c), montgomery_constants(c)
    q, two_q = splat(c[Q]), splat(c[Q] + c[Q])
    for v in range(moves.size):
        i = 8 * v
        a = q - load(rest, i)
        if p == 0:
            a = a + load(addend, i)
        a = _products_of_part(a, digits, r, key, p, k, i, most, fold, constants)
        to, order = move_target(moves[v]) * 8, load(lanes, move_lanes(moves[v]))
        _put(out, to, select_lanes(reduce_lazy(a, q, two_q), order), streams)


@kernel
def _sum_row(out0, out1, digits, r, key, k, c):
    """Both parts of sum_d digits[d, r] key[d, p, k] / 2^52, below 2q."""
    most, fold, constants = montgomery_terms(c), fold_constants(c), montgomery_constants(c)
    zero, two_q = splat(ZERO), splat(c[Q] + c[Q])
    for i in range(0, out0.size, 8):
        a, b = _products(zero, zero, digits, r, key, k, i, most, fold, constants)
        store(out0, i, vmin(a, a - two_q))
        store(out1, i, vmin(b, b - two_q))


@kernel
def _quotient_row(
    out0, out1, rest0, rest1, digits, r, key, k, addend, moves, lanes, c, streams
):
    """The permutation of sum_d digits[d, r] key[d, p, k] / 2^52 - rest, + addend for p = 0."""
    most, fold, constants = montgomery_terms(c), fold_constants(c), montgomery_constants(c)
    q, two_q = splat(c[Q]), splat(c[Q] + c[Q])
    for v in range(moves.size):
        i = 8 * v
        a, b = q - load(rest0, i) + load(addend, i), q - load(rest1, i)
        a, b = _products(a, b, digits, r, key, k, i, most, fold, constants)
        to, order = move_target(moves[v]) * 8, load(lanes, move_lanes(moves[v]))
        _put(out0, to, select_lanes(reduce_lazy(a, q, two_q), order), streams)
        _put(out1, to, select_lanes(reduce_lazy(b, q, two_q), order), streams)


@kernel
def hoisted_quotients(
    out, digits, addend, keys, division, memory, rows, tables, lo, hi
):
    """`ntt.backends.contract.Kernels.hoisted_quotients`, limb by limb."""
    term_weights, term_weights_shoup, term_offsets = division.terms
    weights, weights_shoup, offsets = division.rest
    key_rows, moves, lanes = keys.rows, keys.moves, keys.lanes
    kept, dropped, N = out.shape[2], term_offsets.size, out.shape[3]
    streams = 2 * kept * N >= STREAMED_WORDS and out.ctypes.data % LINE_BYTES == 0
    terms = memory[: 2 * dropped * N].reshape(2, dropped, N)
    limbs = max(1, min(kept, _TOGETHER_WORDS // (2 * N))) if N >= _LARGE else 1
    rest = memory[terms.size :][: 2 * limbs * N].reshape(2, limbs, N)
    for n in range(lo // 2, (hi + 1) // 2):
        # A part alone is the half of a thread. In small rings, both parts share reading the digits.
        begin, end = max(lo - 2 * n, 0), min(hi - 2 * n, 2)
        pairwise = end - begin == 2 and N < _LARGE
        key = array_at(keys.addresses[n], (digits.shape[0], 2, keys.limbs[n], N))
        for s in range(dropped):
            r = kept + s
            c = tables[rows[r]]
            if pairwise:
                _sum_row(terms[0, s], terms[1, s], digits, r, key, key_rows[n, r], c)
            for p in range(begin, end):
                if not pairwise:
                    _sum_part(terms[p, s], digits, r, key, p, key_rows[n, r], c)
                inverse_row(terms[p, s], c)
                convert_row_reduced(
                    terms[p, s], terms[p, : s + 1], term_weights[s], term_weights_shoup[s],
                    term_offsets[s], c,
                )
        for start in range(0, kept, limbs):
            stop = min(start + limbs, kept)
            some = Conversion(
                weights[start:stop], weights_shoup[start:stop], offsets[start:stop]
            )
            for p in range(begin, end):
                convert_lazy(
                    rest[p], terms[p], some, rows[start:stop], tables, 0, stop - start
                )
            for r in range(start, stop):
                c, near = tables[rows[r]], r - start
                for p in range(begin, end):
                    forward_row(rest[p, near], c)
                if pairwise:
                    _quotient_row(
                        out[n, 0, r], out[n, 1, r], rest[0, near], rest[1, near], digits, r, key,
                        key_rows[n, r], addend[r], moves[n], lanes[n], c, streams,
                    )
                    continue
                for p in range(begin, end):
                    _quotient_part(
                        out[n, p, r], rest[p, near], digits, r, key, p, key_rows[n, r],
                        addend[r], moves[n], lanes[n], c, streams,
                    )
    fence()
