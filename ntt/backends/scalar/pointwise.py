"""Element-wise kernels on 64-bit words: rows [lo, hi) of (rows, N) arrays."""

from __future__ import annotations

from ntt import reduction
from ntt.backends.layout import MU, SHIFT, Q
from ntt.jit import kernel
from ntt.reduction import reduce_once, shoup


@kernel
def add(out, a, b, rows, tables, lo, hi):
    """out = a + b."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.add(a[r, i], b[r, i], q)


@kernel
def subtract(out, a, b, rows, tables, lo, hi):
    """out = a - b."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.subtract(a[r, i], b[r, i], q)


@kernel
def negate(out, a, rows, tables, lo, hi):
    """out = -a."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduce_once(q - a[r, i], q)


@kernel
def multiply(out, a, b, rows, tables, lo, hi):
    """out = a b, coefficient by coefficient."""
    for r in range(lo, hi):
        c = tables[rows[r]]
        q, mu, shift = c[Q], c[MU], c[SHIFT]
        for i in range(out.shape[1]):
            out[r, i] = reduction.barrett(a[r, i], b[r, i], q, mu, shift)


@kernel
def multiply_add(out, a, b, c, rows, tables, lo, hi):
    """out = a b + c, coefficient by coefficient; out may be an input."""
    for r in range(lo, hi):
        constants = tables[rows[r]]
        q, mu, shift = constants[Q], constants[MU], constants[SHIFT]
        for i in range(out.shape[1]):
            p = reduction.barrett(a[r, i], b[r, i], q, mu, shift)
            out[r, i] = reduction.add(c[r, i], p, q)


@kernel
def multiply_scalar(out, a, scalars, scalars_shoup, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r]; any a < 2^64."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = shoup(a[r, i], scalars[r], scalars_shoup[r], q)


@kernel
def affine(out, a, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r] + addends[r]; any a < 2^64."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            product = shoup(a[r, i], scalars[r], scalars_shoup[r], q)
            out[r, i] = reduction.add(product, addends[r], q)


@kernel
def add_scalar(out, a, scalars, rows, tables, lo, hi):
    """out[r] = a[r] + scalars[r]."""
    for r in range(lo, hi):
        q = tables[rows[r], Q]
        for i in range(out.shape[1]):
            out[r, i] = reduction.add(a[r, i], scalars[r], q)
