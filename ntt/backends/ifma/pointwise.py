"""Element-wise kernels: rows [lo, hi) of (rows, N) arrays, residues in [0, q)."""

from __future__ import annotations

from ntt.backends.ifma.arithmetic import (
    MASK,
    barrett,
    barrett_constants,
    negative,
    shoup_lazy,
)
from ntt.backends.layout import Q
from ntt.jit import kernel
from ntt.simd.integers import load, splat, store, vmin


@kernel
def add(out, a, b, rows, tables, lo, hi):
    """out = a + b."""
    for r in range(lo, hi):
        q = splat(tables[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + load(y, i)
            store(z, i, vmin(s, s - q))


@kernel
def subtract(out, a, b, rows, tables, lo, hi):
    """out = a - b."""
    for r in range(lo, hi):
        q = splat(tables[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + q - load(y, i)
            store(z, i, vmin(s, s - q))


@kernel
def negate(out, a, rows, tables, lo, hi):
    """out = -a."""
    for r in range(lo, hi):
        q = splat(tables[rows[r], Q])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            s = q - load(x, i)
            store(z, i, vmin(s, s - q))


@kernel
def multiply(out, a, b, rows, tables, lo, hi):
    """out = a b, coefficient by coefficient."""
    for r in range(lo, hi):
        constants = barrett_constants(tables[rows[r]])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, 8):
            store(z, i, barrett(load(x, i), load(y, i), constants))


@kernel
def multiply_add(out, a, b, c, rows, tables, lo, hi):
    """out = a b + c, coefficient by coefficient; out may be an input."""
    for r in range(lo, hi):
        q = splat(tables[rows[r], Q])
        constants = barrett_constants(tables[rows[r]])
        x, y, w, z = a[r], b[r], c[r], out[r]
        for i in range(0, z.size, 8):
            s = load(w, i) + barrett(load(x, i), load(y, i), constants)
            store(z, i, vmin(s, s - q))


@kernel
def multiply_scalar(out, a, scalars, scalars_shoup, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r]; any a < 2^52."""
    mask = splat(MASK)
    for r in range(lo, hi):
        modulus = tables[rows[r], Q]
        q, negative_q = splat(modulus), negative(modulus)
        w, w_shoup = splat(scalars[r]), splat(scalars_shoup[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            p = shoup_lazy(load(x, i), w, w_shoup, negative_q, mask)
            store(z, i, vmin(p, p - q))


@kernel
def affine(out, a, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r] + addends[r]; any a < 2^52."""
    mask = splat(MASK)
    for r in range(lo, hi):
        modulus = tables[rows[r], Q]
        q, negative_q = splat(modulus), negative(modulus)
        w, w_shoup, addend = splat(scalars[r]), splat(scalars_shoup[r]), splat(addends[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            p = shoup_lazy(load(x, i), w, w_shoup, negative_q, mask)
            s = vmin(p, p - q) + addend
            store(z, i, vmin(s, s - q))


@kernel
def add_scalar(out, a, scalars, rows, tables, lo, hi):
    """out[r] = a[r] + scalars[r]."""
    for r in range(lo, hi):
        q, w = splat(tables[rows[r], Q]), splat(scalars[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, 8):
            s = load(x, i) + w
            store(z, i, vmin(s, s - q))
