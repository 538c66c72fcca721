"""The hoisted quotients for any backend, of its own kernels: keys [lo, hi)."""

from __future__ import annotations

import numpy as np

from ntt.addresses import array_at
from ntt.backends.hoisting import VECTOR, move_lanes, move_target
from ntt.jit import inline, kernel


@kernel
def overflow_count(out, y, reciprocals):
    """out[i] = floor(sum_s y[s, i] reciprocals[s]), as `he.rns_kernels` has it."""
    totals = out.view(np.float64)
    for i in range(out.size):
        totals[i] = np.float64(y[0, i]) * reciprocals[0]
    for s in range(1, reciprocals.size):
        for i in range(out.size):
            totals[i] += np.float64(y[s, i]) * reciprocals[s]
    for i in range(out.size):
        out[i] = np.uint64(totals[i])


@inline
def hoisted_quotients(
    gadget_product,
    inverse,
    affine,
    divide,
    add,
    out,
    digits,
    addend,
    keys,
    key_limbs,
    key_rows,
    moves,
    lanes,
    inverses,
    inverses_shoup,
    shifts,
    reciprocals,
    weights,
    weights_shoup,
    offsets,
    factors,
    factors_shoup,
    memory,
    rows,
    tables,
    lo,
    hi,
):
    """`ntt.limbs.LimbOps.hoisted_quotients`, step by step."""
    kept, dropped, N = out.shape[2], shifts.size, out.shape[3]
    limbs = kept + dropped
    product = memory[: 2 * limbs * N].reshape(2, limbs, N)
    rest = memory[2 * limbs * N :]
    terms = rest[: (dropped + 1) * N].reshape(dropped + 1, N)
    quotient = rest[(dropped + 1) * N :][: kept * N].reshape(kept, N)
    sources = terms[: dropped + (dropped > 1)]
    for n in range(lo, hi):
        key = array_at(keys[n], (digits.shape[0], 2, key_limbs[n], N))
        gadget_product(product, digits, key, key_rows[n], rows, tables, 0, limbs)
        for p in range(2):
            lost = product[p, kept:]
            inverse(lost, rows[kept:], tables, 0, dropped)
            affine(
                terms[:dropped], lost, inverses, inverses_shoup, shifts, rows[kept:], tables, 0,
                dropped,
            )
            if dropped > 1:
                overflow_count(terms[dropped], terms, reciprocals)
            divide(
                quotient, product[p], sources, weights, weights_shoup, offsets, factors,
                factors_shoup, rows, tables, 0, kept,
            )
            if p == 0:
                add(quotient, quotient, addend, rows, tables, 0, kept)
            for r in range(kept):
                source, target = quotient[r], out[n, p, r]
                for v in range(N // VECTOR):
                    at = move_target(moves[n, v]) * VECTOR
                    order = lanes[n, move_lanes(moves[n, v]) :]
                    for t in range(VECTOR):
                        target[at + t] = source[v * VECTOR + np.int64(order[t])]
