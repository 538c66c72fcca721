"""The weighted sums of a hoisted product, for four images or one, in a block of columns.

Four images share every load of a weight. The products of a vector of columns lie side by side:
(products, 2, images, 8).
"""

from __future__ import annotations

import numpy as np

from ntt.backends.ifma.arithmetic import ZERO, fold_constants, fold_wide
from ntt.backends.ifma.products import accumulate
from ntt.backends.layout import SHIFT, VECTOR
from ntt.jit import inline, kernel
from ntt.simd.integers import load, load_runs, splat, store

load_pairs, load_quads, load_word = load_runs(2), load_runs(4), load_runs(8)
load_back, load_pairs_back = load_runs(1, backwards=True), load_runs(2, backwards=True)
load_quads_back = load_runs(4, backwards=True)


@inline
def most_terms(c):
    """How many products of residues may be summed on top of a residue before `fold_wide`.

    Their high words are below 2^(2n - 52): docs/bounds.md.
    """
    free_bits = 104 - 2 * (np.int64(c[SHIFT]) + 2)
    return (1 << min(free_bits, 11)) - 1


@inline
def accumulate_four(low, high, y, x, at):
    """Four sums plus y times the four vectors at x[at]."""
    a, e = accumulate(low[0], high[0], y, load(x, at))
    b, f = accumulate(low[1], high[1], y, load(x, at + 8))
    c, g = accumulate(low[2], high[2], y, load(x, at + 16))
    d, h = accumulate(low[3], high[3], y, load(x, at + 24))
    return (a, b, c, d), (e, f, g, h)


@inline
def fold_four(low, high, fold):
    """The four sums below q: `fold_wide` of each."""
    a, b = fold_wide(low[0], high[0], fold), fold_wide(low[1], high[1], fold)
    return a, b, fold_wide(low[2], high[2], fold), fold_wide(low[3], high[3], fold)


@inline
def _four_sums(
    load_weights, lanes, out, g, first, limb, column, vectors, products, step, weights, mask,
    bits, begin, product_of, c
):
    """`sum_four` of weights of which a vector of columns takes `lanes` words."""
    fold, most = fold_constants(c), most_terms(c)
    zero = splat(ZERO)
    zeros = zero, zero, zero, zero
    for v in range(vectors):
        i = column + 8 * v
        row = weights[((i >> 3) ^ mask) >> bits]
        for s in range(begin.size - 1):
            a, b = zeros, zeros
            t, end = begin[s], begin[s + 1]
            while t < end:
                high_a, high_b = zeros, zeros
                last = min(t + most, end)
                while t < last:
                    w, at = load_weights(row, lanes * t), v * step + product_of[t] * 64
                    a, high_a = accumulate_four(a, high_a, w, products, at)
                    b, high_b = accumulate_four(b, high_b, w, products, at + 32)
                    t += 1
                a, b = fold_four(a, high_a, fold), fold_four(b, high_b, fold)
            o = first + s
            store(out[g, o, 0, limb], i, a[0])
            store(out[g + 1, o, 0, limb], i, a[1])
            store(out[g + 2, o, 0, limb], i, a[2])
            store(out[g + 3, o, 0, limb], i, a[3])
            store(out[g, o, 1, limb], i, b[0])
            store(out[g + 1, o, 1, limb], i, b[1])
            store(out[g + 2, o, 1, limb], i, b[2])
            store(out[g + 3, o, 1, limb], i, b[3])


@inline
def _one_sums(
    load_weights, lanes, out, g, first, limb, column, vectors, products, step, weights, mask,
    bits, begin, product_of, c
):
    """`_four_sums` of one image."""
    fold, most = fold_constants(c), most_terms(c)
    zero = splat(ZERO)
    for v in range(vectors):
        i = column + 8 * v
        row = weights[((i >> 3) ^ mask) >> bits]
        for s in range(begin.size - 1):
            a, b = zero, zero
            t, end = begin[s], begin[s + 1]
            while t < end:
                high_a, high_b = zero, zero
                last = min(t + most, end)
                while t < last:
                    w, at = load_weights(row, lanes * t), v * step + product_of[t] * 16
                    a, high_a = accumulate(a, high_a, w, load(products, at))
                    b, high_b = accumulate(b, high_b, w, load(products, at + 8))
                    t += 1
                a, b = fold_wide(a, high_a, fold), fold_wide(b, high_b, fold)
            store(out[g, first + s, 0, limb], i, a)
            store(out[g, first + s, 1, limb], i, b)


@inline
def _pair_sums(
    load_weights, lanes, out, g, first, limb, column, vectors, products, step, weights, mask,
    bits, begin, product_of, c
):
    """`_one_sums` of two vectors side by side: they hide the latency of products from memory, and
    compete for a cache that holds them.
    """
    fold, most = fold_constants(c), most_terms(c)
    zero = splat(ZERO)
    for v in range(0, vectors, 2):
        i = column + 8 * v
        row = weights[((i >> 3) ^ mask) >> bits]
        next_row = weights[(((i >> 3) + 1) ^ mask) >> bits]
        for s in range(begin.size - 1):
            a, b, d, e = zero, zero, zero, zero
            t, end = begin[s], begin[s + 1]
            while t < end:
                high_a, high_b, high_d, high_e = zero, zero, zero, zero
                last = min(t + most, end)
                while t < last:
                    at = v * step + product_of[t] * 16
                    w = load_weights(row, lanes * t)
                    a, high_a = accumulate(a, high_a, w, load(products, at))
                    b, high_b = accumulate(b, high_b, w, load(products, at + 8))
                    w, at = load_weights(next_row, lanes * t), at + step
                    d, high_d = accumulate(d, high_d, w, load(products, at))
                    e, high_e = accumulate(e, high_e, w, load(products, at + 8))
                    t += 1
                a, b = fold_wide(a, high_a, fold), fold_wide(b, high_b, fold)
                d, e = fold_wide(d, high_d, fold), fold_wide(e, high_e, fold)
            z0, z1 = out[g, first + s, 0, limb], out[g, first + s, 1, limb]
            store(z0, i, a)
            store(z1, i, b)
            store(z0, i + 8, d)
            store(z1, i + 8, e)


@inline
def _sums_of_run(
    sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """All sums of a matrix in a block of columns, by `sums`: a vector after the other.

    weights (rows, lanes terms): a row for 2^bits vectors of columns, each word for `run` columns.
    mask: `row_mask`; where it is not 0, the columns of a vector take the words backwards.
    """
    if run >= VECTOR:
        sums(
            load_word, 1, out, g, first, limb, column, vectors, products, step, weights, mask, bits,
            begin, product_of, c,
        )
    elif run == 1:
        if mask == 0:
            sums(
                load, 8, out, g, first, limb, column, vectors, products, step, weights, mask, bits,
                begin, product_of, c,
            )
        else:
            sums(
                load_back, 8, out, g, first, limb, column, vectors, products, step, weights, mask,
                bits, begin, product_of, c,
            )
    elif run == 2:
        if mask == 0:
            sums(
                load_pairs, 4, out, g, first, limb, column, vectors, products, step, weights, mask,
                bits, begin, product_of, c,
            )
        else:
            sums(
                load_pairs_back, 4, out, g, first, limb, column, vectors, products, step, weights,
                mask, bits, begin, product_of, c,
            )
    elif mask == 0:
        sums(
            load_quads, 2, out, g, first, limb, column, vectors, products, step, weights, mask,
            bits, begin, product_of, c,
        )
    else:
        sums(
            load_quads_back, 2, out, g, first, limb, column, vectors, products, step, weights, mask,
            bits, begin, product_of, c,
        )


@kernel
def sum_four(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of four images."""
    _sums_of_run(
        _four_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )


@kernel
def sum_one(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of one image."""
    _sums_of_run(
        _one_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )


@kernel
def sum_one_of_large(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of one image in a large ring."""
    _sums_of_run(
        _pair_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )
