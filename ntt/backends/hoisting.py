"""The hoisted product for any backend: rows [lo, hi), one image after the other.

Key and weights of a block of columns are read once for all images. The products of a vector of
columns lie side by side, (products, 2, 8), as its weights do, (terms, 8).
"""

from __future__ import annotations

import numpy as np

from ntt.addresses import array_at
from ntt.jit import inline

VECTOR = 8
"""Columns that a permutation of the transformed domain keeps together: docs/bounds.md."""

_LANES = np.uint32(7)
_VECTOR_BITS = np.uint32(3)


@inline
def move_target(move):
    """The vector that a source vector goes to."""
    return np.int64(move >> _VECTOR_BITS)


@inline
def move_lanes(move):
    """Where, in the table of lanes, the order of the lanes of a source vector starts."""
    return VECTOR * np.int64(move & _LANES)


@inline
def hoisted_product(
    gadget,
    weighted_sum,
    out,
    digits,
    addends,
    keys,
    key_limbs,
    key_rows,
    moves,
    lanes,
    weights,
    first_sums,
    starts,
    product_of,
    products,
    pair,
    first,
    rows,
    tables,
    lo,
    hi,
):
    """`ntt.limbs.LimbOps.hoisted_product` with the arithmetic of one backend.

    gadget(pair, digits, addend, key, k, r, i, c): columns from i on of one image's product.
    weighted_sum(z0, z1, i, products, weights, product_of, begin, end, c): a vector of one sum.
    """
    images, limbs, N = out.shape[0], out.shape[3], out.shape[4]
    count, columns = keys.size, pair.shape[1]
    vectors = columns // VECTOR
    for r in range(lo, hi):
        limb, c = first + r, tables[rows[r]]
        for column in range(0, N, columns):
            start = column // VECTOR
            for g in range(images):
                for b in range(count):
                    if keys[b] == 0:
                        for p in range(2):
                            for i in range(columns):
                                at = (i // VECTOR * count + b) * 2 + p
                                value = addends[g, p, limb, column + i]
                                products[g, at * VECTOR + i % VECTOR] = value
                        continue
                    key = array_at(keys[b], (digits.shape[1], 2, key_limbs[b], N))
                    source = np.int64(moves[b, 1, start]) // vectors * vectors
                    gadget(
                        pair, digits[g], addends[g, 0, limb], key, key_rows[b, limb], r,
                        source * VECTOR, c,
                    )
                    for v in range(vectors):
                        move = moves[b, 0, source + v]
                        at = (move_target(move) % vectors * count + b) * 2 * VECTOR
                        order = lanes[b, move_lanes(move) :]
                        for p in range(2):
                            for t in range(VECTOR):
                                value = pair[p, v * VECTOR + np.int64(order[t])]
                                products[g, at + p * VECTOR + t] = value
            term = 0
            for o in range(weights.size):
                begin = starts[first_sums[o] + o : first_sums[o + 1] + o + 1]
                terms = begin[begin.size - 1]
                chosen = product_of[term : term + terms]
                term += terms
                table = array_at(weights[o], (limbs, N // VECTOR, terms * VECTOR))
                for v in range(vectors):
                    factors = table[limb, start + v]
                    for g in range(images):
                        near = products[g, v * count * 2 * VECTOR :]
                        for s in range(begin.size - 1):
                            total = out[g, first_sums[o] + s]
                            weighted_sum(
                                total[0, limb], total[1, limb], column + v * VECTOR, near,
                                factors, chosen, begin[s], begin[s + 1], c,
                            )
