"""Automorphisms in the transformed domain: rows [lo, hi), eight outputs from one aligned vector.

The exponents 2 brv(i) + 1 of eight indices i = 8b + k differ by multiples of N/4, and so do their
products with an odd element. An automorphism therefore takes aligned vectors to aligned vectors and
shuffles their lanes, so one load does the work of eight gathers.
"""

from __future__ import annotations

from ntt.backends.layout import Q
from ntt.jit import inline, kernel
from ntt.simd.integers import load, select_lanes, splat, store, vmin


@inline
def _image(x, permutation, i):
    """The eight elements ``x[permutation[i : i + 8]]``."""
    start = permutation[i] >> 3 << 3
    return select_lanes(load(x, start), load(permutation, i))


@kernel
def permute(out, x, permutation, tables, lo, hi):
    """out[r, i] = x[r, permutation[i]] for an automorphism's permutation; out is not x."""
    for r in range(lo, hi):
        source, target = x[r], out[r]
        for i in range(0, permutation.size, 8):
            store(target, i, _image(source, permutation, i))


@kernel
def permute_add(out, x, permutation, rows, tables, lo, hi):
    """out[r, i] += x[r, permutation[i]] for an automorphism's permutation; out is not x."""
    for r in range(lo, hi):
        source, target, q = x[r], out[r], splat(tables[rows[r], Q])
        for i in range(0, permutation.size, 8):
            total = load(target, i) + _image(source, permutation, i)
            store(target, i, vmin(total, total - q))
