"""Coefficients, scaled and shifted (`inverse_affine`), for any backend, of its own kernels."""

from __future__ import annotations

from ntt.jit import inline


@inline
def inverse_affine(
    inverse, affine, add_scalar, out, x, scalars, scalars_shoup, addends, rows, tables, lo, hi
):
    """`ntt.backends.contract.Kernels.inverse_affine`, while a row is in the cache."""
    for r in range(lo, hi):
        source, target = x[r], out[r]
        for i in range(target.size):
            target[i] = source[i]
        inverse(out, rows, tables, r, r + 1)
        if scalars.size:
            affine(out, out, scalars, scalars_shoup, addends, rows, tables, r, r + 1)
        else:
            add_scalar(out, out, addends, rows, tables, r, r + 1)
