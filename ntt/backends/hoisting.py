"""The hoisted product for any backend, of its own sums: blocks [lo, hi), image by image.

The keys and weights of a block of columns stay in the cache for all images. The products of a
vector of columns lie side by side, (products, 2, 8), and so do its weights, (terms, 8).
"""

from __future__ import annotations

import numpy as np

from ntt.backends.addressed import array_at
from ntt.backends.layout import VECTOR
from ntt.jit import inline

_LANES = np.uint32(7)
_VECTOR_BITS = np.uint32(3)


@inline
def move_target(move):
    """The vector that a source vector goes to, from its word of `VectorMoves.moves`."""
    return np.int64(move >> _VECTOR_BITS)


@inline
def move_lanes(move):
    """Where the order of the lanes of a source vector starts in `VectorMoves.lanes`."""
    return VECTOR * np.int64(move & _LANES)


@inline
def row_bits(run):
    """log2 of the number of vectors of columns that share a row of weights with this run."""
    bits = 0
    while VECTOR << (bits + 1) <= run:
        bits += 1
    return bits


@inline
def paired_block(n, count):
    """The n-th block of columns of `count` to work on: 0, count - 1, 1, count - 2, ..

    So the columns that share mirrored weights follow one another.
    """
    return count - 1 - n // 2 if n % 2 else n // 2


@inline
def row_mask(mirrored, block, count, N):
    """What the number of a vector is xored with for its row of weights, which may be mirrored."""
    return N // VECTOR - 1 if mirrored and 2 * block >= count else 0


@inline
def expanded(out, words, run, backwards):
    """out (8 terms,) = words (terms max(8 / run, 1),), so that each lane has a word of its own."""
    lanes, last = max(VECTOR // run, 1), VECTOR - 1 if backwards else 0
    for t in range(words.size // lanes):
        for lane in range(VECTOR):
            out[t * VECTOR + lane] = words[t * lanes + (lane ^ last) // run]
    return out


@inline
def hoisted_product(
    gadget,
    weighted_sum,
    out,
    digits,
    addends,
    keys,
    blocks,
    sums,
    scratch,
    first,
    rows,
    tables,
    lo,
    hi,
):
    """`ntt.backends.contract.Kernels.hoisted_product` with the arithmetic of one backend.

    gadget(pair, digits, addend, key, k, r, i, c): columns from i on of one image's product.
    weighted_sum(z0, z1, i, products, weights, product_of, begin, end, c): a vector of one sum.
    """
    moves, lanes, sources = keys.moves, keys.lanes, blocks.sources
    first_sums, starts = sums.first_sums, sums.starts
    products, pair = scratch.products, scratch.pair
    images, limbs, N = out.shape[0], out.shape[3], out.shape[4]
    count, columns = keys.addresses.size, pair.shape[1]
    vectors, blocks_of_row = columns // VECTOR, N // columns
    for r in range(lo // blocks_of_row, (hi + blocks_of_row - 1) // blocks_of_row):
        limb, c = first + r, tables[rows[r]]
        start = max(lo - r * blocks_of_row, 0)
        for n in range(start, min(hi - r * blocks_of_row, blocks_of_row)):
            block = paired_block(n, blocks_of_row)
            column = block * columns
            for g in range(images):
                for b in range(count):
                    if keys.addresses[b] == 0:
                        for p in range(2):
                            row = addends[g, 2 * keys.pairs[b] + p, limb]
                            for i in range(columns):
                                at = (i // VECTOR * count + b) * 2 + p
                                value = row[column + i]
                                products[g, at * VECTOR + i % VECTOR] = value
                        continue
                    key = array_at(keys.addresses[b], (digits.shape[1], 2, keys.limbs[b], N))
                    source = sources[b, block] * vectors
                    gadget(
                        pair, digits[g], addends[g, 0, limb], key, keys.rows[b, limb], r,
                        source * VECTOR, c,
                    )
                    for v in range(vectors):
                        move = moves[b, source + v]
                        at = (move_target(move) % vectors * count + b) * 2 * VECTOR
                        order = lanes[b, move_lanes(move) :]
                        for p in range(2):
                            for t in range(VECTOR):
                                value = pair[p, v * VECTOR + np.int64(order[t])]
                                products[g, at + p * VECTOR + t] = value
            term = 0
            for o in range(sums.addresses.size):
                begin = starts[first_sums[o] + o : first_sums[o + 1] + o + 1]
                terms = begin[begin.size - 1]
                chosen = sums.product_of[term : term + terms]
                term += terms
                run = sums.runs[o]
                width, bits = terms * max(VECTOR // run, 1), row_bits(run)
                height = N // VECTOR >> (bits + sums.mirrored[o])
                mask = row_mask(sums.mirrored[o], block, blocks_of_row, N)
                table = array_at(sums.addresses[o], (limbs, height, width))
                for v in range(vectors):
                    factors = table[limb, ((block * vectors + v) ^ mask) >> bits]
                    if run > 1 or mask > 0:
                        factors = expanded(scratch.factors, factors, run, mask > 0)
                    for g in range(images):
                        near = products[g, v * count * 2 * VECTOR :]
                        for s in range(begin.size - 1):
                            total = out[g, first_sums[o] + s]
                            weighted_sum(
                                total[0, limb], total[1, limb], column + v * VECTOR, near,
                                factors, chosen, begin[s], begin[s + 1], c,
                            )
