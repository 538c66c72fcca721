"""The twiddle factors inside the tables, for kernels."""

from __future__ import annotations

from ntt.backends.layout import COLUMNS
from ntt.jit import inline


@inline
def twiddles(row, N, block):
    """One of the blocks W .. W_INVERSE_SHOUP of a row of the tables, (N,)."""
    return row[COLUMNS + block * N : COLUMNS + (block + 1) * N]
