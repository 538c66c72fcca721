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

from ntt.backends.addressed import array_at
from ntt.backends.hoisting import move_lanes, move_target, paired_block, row_bits, row_mask
from ntt.backends.ifma.arithmetic import ZERO, fold_constants, fold_wide
from ntt.backends.ifma.products import accumulate
from ntt.backends.ifma.weighted_sums import (
    accumulate_four,
    fold_four,
    most_terms,
    sum_four,
    sum_one,
    sum_one_of_large,
)
from ntt.backends.layout import VECTOR
from ntt.jit import inline, kernel
from ntt.simd.integers import load, prefetch_second, select_lanes, splat, store

# In rings of this degree and above, weights and digits come from memory.
_LARGE = 1 << 14


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
                a, high_a = accumulate_four(a, high_a, y, packed, x + 32 * d)
                b, high_b = accumulate_four(b, high_b, z, packed, x + 32 * d)
                d += 1
            a, b = fold_four(a, high_a, fold), fold_four(b, high_b, fold)
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
                        sum_four(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
                    elif N < _LARGE:
                        sum_one(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
                    else:
                        sum_one_of_large(
                            out, g, first_sums[o], limb, block * columns, vectors, near, step,
                            table[limb], run, mask, bits, begin, chosen, c,
                        )
            g += wide
