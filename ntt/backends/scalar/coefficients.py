"""Coefficients that are scaled and shifted, on 64-bit words: rows [lo, hi), results in [0, q)."""

from __future__ import annotations

from ntt.backends import coefficients
from ntt.backends.scalar.pointwise import add_scalar, affine
from ntt.backends.scalar.transform import inverse
from ntt.jit import kernel


@kernel
def inverse_affine(out, x, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = INTT(x[r]) scalars[r] + addends[r]; out may be x; scalars may be empty for 1."""
    coefficients.inverse_affine(
        inverse, affine, add_scalar, out, x, scalars, scalars_shoup, addends, rows, tables, lo, hi
    )
