"""The hoisted quotients for any backend, of its own kernels: parts [lo, hi)."""

from __future__ import annotations

import numpy as np

from ntt.backends.addressed import array_at
from ntt.backends.contract import Conversion
from ntt.backends.hoisting import move_lanes, move_target
from ntt.backends.layout import VECTOR
from ntt.jit import inline


@inline
def hoisted_quotients(
    gadget_product,
    inverse,
    convert,
    convert_forward,
    subtract,
    add,
    out,
    digits,
    addend,
    keys,
    division,
    memory,
    rows,
    tables,
    lo,
    hi,
):
    """`ntt.backends.contract.Kernels.hoisted_quotients`, step by step."""
    moves, lanes, terms_of, rest = keys.moves, keys.lanes, division.terms, division.rest
    kept, dropped, N = out.shape[2], terms_of.offsets.size, out.shape[3]
    limbs = kept + dropped
    product = memory[: 2 * limbs * N].reshape(2, limbs, N)
    other = memory[product.size :]
    term = other[:N].reshape(1, N)
    quotient = other[N:][: kept * N].reshape(kept, N)
    for n in range(lo // 2, (hi + 1) // 2):
        key = array_at(keys.addresses[n], (digits.shape[0], 2, keys.limbs[n], N))
        gadget_product(product, digits, key, keys.rows[n], rows, tables, 0, limbs)
        for p in range(max(lo - 2 * n, 0), min(hi - 2 * n, 2)):
            terms = product[p, kept:]
            inverse(terms, rows[kept:], tables, 0, dropped)
            for s in range(dropped):
                term_of = Conversion(
                    terms_of.weights[s:], terms_of.weights_shoup[s:], terms_of.offsets[s:]
                )
                convert(term, terms[: s + 1], term_of, rows[kept + s :], tables, 0, 1)
                for i in range(N):
                    terms[s, i] = term[0, i]
            convert_forward(quotient, terms, rest, rows, tables, 0, kept)
            subtract(quotient, product[p, :kept], quotient, rows, tables, 0, kept)
            if p == 0:
                add(quotient, quotient, addend, rows, tables, 0, kept)
            for r in range(kept):
                source, target = quotient[r], out[n, p, r]
                for v in range(N // VECTOR):
                    at = move_target(moves[n, v]) * VECTOR
                    order = lanes[n, move_lanes(moves[n, v]) :]
                    for t in range(VECTOR):
                        target[at + t] = source[v * VECTOR + np.int64(order[t])]
