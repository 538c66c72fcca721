"""Automorphisms in the transformed domain, for any N: rows [lo, hi)."""

from __future__ import annotations

from ntt.backends.layout import Q
from ntt.jit import kernel
from ntt.reduction import reduce_once


@kernel
def permute(out, x, permutation, tables, lo, hi):
    """out[r, i] = x[r, permutation[i]]; out is not x."""
    for r in range(lo, hi):
        source, target = x[r], out[r]
        for i in range(permutation.size):
            target[i] = source[permutation[i]]


@kernel
def permute_add(out, x, permutation, rows, tables, lo, hi):
    """out[r, i] += x[r, permutation[i]]; out is not x."""
    for r in range(lo, hi):
        source, target, q = x[r], out[r], tables[rows[r], Q]
        for i in range(permutation.size):
            target[i] = reduce_once(target[i] + source[permutation[i]], q)
