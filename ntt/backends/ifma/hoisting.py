"""The hoisted product (`ntt.limbs.LimbOps.hoisted_product`): blocks [lo, hi), results in [0, q).

A product with a key is permuted while it is stored, because a permutation of the transformed domain
moves whole vectors, and lanes inside each. Four images share every load of a key and of a weight.
The digits, products and weights of a vector of columns lie side by side, because rows whose length
is a power of two compete for the same places of a cache: (digits and addend, images, 8),
(products, 2, images, 8), (terms, 8 or fewer). Keys are read in place while the next key is fetched.

Loops over vectors are functions of their own, because Numba counts the references to arrays once
around each call.
"""

from __future__ import annotations

import numpy as np

from ntt.backends.addressed import array_at
from ntt.backends.hoisting import move_lanes, move_target, paired_block, row_bits, row_mask
from ntt.backends.ifma.arithmetic import ZERO, fold_constants, fold_wide
from ntt.backends.ifma.products import accumulate
from ntt.backends.layout import SHIFT, VECTOR
from ntt.jit import inline, kernel
from ntt.simd.integers import load, load_runs, prefetch_second, select_lanes, splat, store

# In rings of this degree and above, weights and digits come from memory.
_LARGE = 1 << 14

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
def _accumulate_four(low, high, y, x, at):
    """Four sums plus y times the four vectors at x[at]."""
    a, e = accumulate(low[0], high[0], y, load(x, at))
    b, f = accumulate(low[1], high[1], y, load(x, at + 8))
    c, g = accumulate(low[2], high[2], y, load(x, at + 16))
    d, h = accumulate(low[3], high[3], y, load(x, at + 24))
    return (a, b, c, d), (e, f, g, h)


@inline
def _fold_four(low, high, fold):
    a, b = fold_wide(low[0], high[0], fold), fold_wide(low[1], high[1], fold)
    return a, b, fold_wide(low[2], high[2], fold), fold_wide(low[3], high[3], fold)


@inline
def _store_permuted(out, at, values, order):
    store(out, at, select_lanes(values[0], order))
    store(out, at + 8, select_lanes(values[1], order))
    store(out, at + 16, select_lanes(values[2], order))
    store(out, at + 24, select_lanes(values[3], order))


@kernel
def _multiply_four(
    products, place, step, moves, lanes, source, mask, key, k, ahead, next_k, distance, packed,
    c
):
    """The products of four images with one key in a block of columns; fetches what the next key
    needs.
    """
    fold, most, count = fold_constants(c), most_terms(c), key.shape[0]
    zero, far = splat(ZERO), 4 * (count + 1) * distance
    fetched = 32 * (count + 1) if key.shape[3] >= _LARGE else 0
    zeros = zero, zero, zero, zero
    for v in range(source, source + mask + 1):
        i, x = 8 * v, 32 * (count + 1) * v
        at = x + 32 * count
        for line in range(0, fetched, 8):
            prefetch_second(packed, x + far + line)
        a = load(packed, at), load(packed, at + 8), load(packed, at + 16), load(packed, at + 24)
        b = zeros
        d = 0
        while d < count:
            high_a, high_b = zeros, zeros
            last = min(d + most, count)
            while d < last:
                prefetch_second(ahead[d, 0, next_k], i + distance)
                prefetch_second(ahead[d, 1, next_k], i + distance)
                y, z = load(key[d, 0, k], i), load(key[d, 1, k], i)
                a, high_a = _accumulate_four(a, high_a, y, packed, x + 32 * d)
                b, high_b = _accumulate_four(b, high_b, z, packed, x + 32 * d)
                d += 1
            a, b = _fold_four(a, high_a, fold), _fold_four(b, high_b, fold)
        to = place + (move_target(moves[v]) & mask) * step
        order = load(lanes, move_lanes(moves[v]))
        _store_permuted(products, to, a, order)
        _store_permuted(products, to + 32, b, order)


@kernel
def _multiply_one(
    products, place, step, moves, lanes, source, mask, key, k, ahead, next_k, distance, packed,
    c
):
    """`_multiply_four` of one image."""
    fold, most, count = fold_constants(c), most_terms(c), key.shape[0]
    zero, far = splat(ZERO), (count + 1) * distance
    fetched = 8 * (count + 1) if key.shape[3] >= _LARGE else 0
    for v in range(source, source + mask + 1):
        i, x = 8 * v, 8 * (count + 1) * v
        for line in range(0, fetched, 8):
            prefetch_second(packed, x + far + line)
        a, b = load(packed, x + 8 * count), zero
        d = 0
        while d < count:
            high_a, high_b = zero, zero
            last = min(d + most, count)
            while d < last:
                prefetch_second(ahead[d, 0, next_k], i + distance)
                prefetch_second(ahead[d, 1, next_k], i + distance)
                digit = load(packed, x + 8 * d)
                a, high_a = accumulate(a, high_a, digit, load(key[d, 0, k], i))
                b, high_b = accumulate(b, high_b, digit, load(key[d, 1, k], i))
                d += 1
            a, b = fold_wide(a, high_a, fold), fold_wide(b, high_b, fold)
        to = place + (move_target(moves[v]) & mask) * step
        order = load(lanes, move_lanes(moves[v]))
        store(products, to, select_lanes(a, order))
        store(products, to + 8, select_lanes(b, order))


@inline
def _four_sums(
    load_weights, lanes, out, g, first, limb, column, vectors, products, step, weights, mask,
    bits, begin, product_of, c
):
    """`_sum_four` of weights of which a vector of columns takes `lanes` words."""
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
                    a, high_a = _accumulate_four(a, high_a, w, products, at)
                    b, high_b = _accumulate_four(b, high_b, w, products, at + 32)
                    t += 1
                a, b = _fold_four(a, high_a, fold), _fold_four(b, high_b, fold)
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
def _sum_four(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of four images."""
    _sums_of_run(
        _four_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )


@kernel
def _sum_one(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of one image."""
    _sums_of_run(
        _one_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )


@kernel
def _sum_one_of_large(
    out, g, first, limb, column, vectors, products, step, weights, run, mask, bits, begin,
    product_of, c
):
    """`_sums_of_run` of one image in a large ring."""
    _sums_of_run(
        _pair_sums, out, g, first, limb, column, vectors, products, step, weights, run, mask, bits,
        begin, product_of, c,
    )


@kernel
def _scatter(target, place, step, row, column, vectors):
    """Store the vectors of a row, from a column on, at place, place + step, .. of target."""
    for v in range(vectors):
        store(target, place + v * step, load(row, column + 8 * v))


@kernel
def hoisted_product(
    out, digits, addends, keys, blocks, sums, scratch, first, rows, tables, lo, hi
):
    """`ntt.backends.contract.Kernels.hoisted_product`, four images at a time, or one."""
    addresses, key_limbs, key_rows, moves, lanes, pairs = keys
    sources, order = blocks
    weights, runs, mirrored, first_sums, starts, product_of = sums
    near, packed = scratch.products.reshape(-1), scratch.packed
    images, limbs, N = out.shape[0], out.shape[3], out.shape[4]
    count, columns, digit_count = addresses.size, scratch.pair.shape[1], digits.shape[1]
    vectors, blocks_of_row = columns // VECTOR, N // columns
    for r in range(lo // blocks_of_row, (hi + blocks_of_row - 1) // blocks_of_row):
        limb, c = first + r, tables[rows[r]]
        start = max(lo - r * blocks_of_row, 0)
        stop = min(hi - r * blocks_of_row, blocks_of_row)
        g = 0
        while g < images:
            wide = 4 if images - g >= 4 else 1
            words = 8 * wide  # of a vector of columns of all the images
            for image in range(wide):
                for d in range(digit_count + 1):
                    row = addends[g + image, 0, limb]
                    if d < digit_count:
                        row = digits[g + image, d, r]
                    at = d * words + 8 * image
                    _scatter(packed, at, (digit_count + 1) * words, row, 0, N // VECTOR)
            step = 2 * count * words
            for number in range(start, stop):
                block = paired_block(number, blocks_of_row)
                for n in range(count):
                    b = order[block, n]
                    place = 2 * b * words
                    if addresses[b] == 0:
                        for p in range(2):
                            for image in range(wide):
                                row = addends[g + image, 2 * pairs[b] + p, limb]
                                at = place + p * words + 8 * image
                                _scatter(near, at, step, row, block * columns, vectors)
                        continue
                    following = order[block, min(n + 1, count - 1)]
                    following = b if addresses[following] == 0 else following
                    source, next_source = sources[b, block], sources[following, block]
                    key = array_at(addresses[b], (digit_count, 2, key_limbs[b], N))
                    ahead = array_at(
                        addresses[following], (digit_count, 2, key_limbs[following], N)
                    )
                    if wide == 4:
                        _multiply_four(
                            near, place, step, moves[b], lanes[b], source * vectors, vectors - 1,
                            key, key_rows[b, limb], ahead, key_rows[following, limb],
                            (next_source - source) * columns, packed, c,
                        )
                    else:
                        _multiply_one(
                            near, place, step, moves[b], lanes[b], source * vectors, vectors - 1,
                            key, key_rows[b, limb], ahead, key_rows[following, limb],
                            (next_source - source) * columns, packed, c,
                        )
                term = 0
                for o in range(weights.size):
                    begin = starts[first_sums[o] + o : first_sums[o + 1] + o + 1]
                    terms = begin[begin.size - 1]
                    chosen = product_of[term : term + terms]
                    term += terms
                    run = runs[o]
                    bits, width = row_bits(run), terms * max(VECTOR // run, 1)
                    mask = row_mask(mirrored[o], block, blocks_of_row, N)
                    height = N // VECTOR >> (bits + mirrored[o])
                    table = array_at(weights[o], (limbs, height, width))
                    if wide == 4:
                        _sum_four(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
                    elif N < _LARGE:
                        _sum_one(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
                    else:
                        _sum_one_of_large(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
            g += wide
