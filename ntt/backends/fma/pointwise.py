"""Element-wise kernels: rows [lo, hi) of (rows, N) arrays, residues in [0, q).

Kernels without a product are integer arithmetic. They are written with vectors, too, because `out`
may be an input, and LLVM does not vectorise a loop whose arrays may overlap.
"""

from __future__ import annotations

from ntt.backends.fma.arithmetic import canonical, field, multiply_lazy
from ntt.backends.fma.arithmetic import multiply as multiply_modulo
from ntt.backends.layout import Q
from ntt.jit import kernel
from ntt.simd.floats import (
    LANES,
    add_integers,
    load,
    load_residues,
    splat,
    splat_bits,
    store,
    store_residues,
    subtract_integers,
    subtract_once,
)


@kernel
def add(out, a, b, rows, tables, lo, hi):
    """out = a + b."""
    for r in range(lo, hi):
        q = splat_bits(tables[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, LANES):
            store(z, i, subtract_once(add_integers(load(x, i), load(y, i)), q))


@kernel
def subtract(out, a, b, rows, tables, lo, hi):
    """out = a - b."""
    for r in range(lo, hi):
        q = splat_bits(tables[rows[r], Q])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, LANES):
            negative = subtract_integers(q, load(y, i))
            store(z, i, subtract_once(add_integers(load(x, i), negative), q))


@kernel
def negate(out, a, rows, tables, lo, hi):
    """out = -a."""
    for r in range(lo, hi):
        q = splat_bits(tables[rows[r], Q])
        x, z = a[r], out[r]
        for i in range(0, z.size, LANES):
            store(z, i, subtract_once(subtract_integers(q, load(x, i)), q))


@kernel
def add_scalar(out, a, scalars, rows, tables, lo, hi):
    """out[r] = a[r] + scalars[r]."""
    for r in range(lo, hi):
        q, w = splat_bits(tables[rows[r], Q]), splat_bits(scalars[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, LANES):
            store(z, i, subtract_once(add_integers(load(x, i), w), q))


@kernel
def multiply(out, a, b, rows, tables, lo, hi):
    """out = a b, coefficient by coefficient."""
    for r in range(lo, hi):
        modulus = field(tables[rows[r]])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, LANES):
            p = multiply_modulo(load_residues(x, i), load_residues(y, i), modulus)
            store_residues(z, i, p)


@kernel
def multiply_add(out, a, b, c, rows, tables, lo, hi):
    """out = a b + c, coefficient by coefficient; out may be an input."""
    for r in range(lo, hi):
        modulus = field(tables[rows[r]])
        x, y, w, z = a[r], b[r], c[r], out[r]
        for i in range(0, z.size, LANES):
            p = multiply_modulo(load_residues(x, i), load_residues(y, i), modulus)
            store_residues(z, i, canonical(p + load_residues(w, i), modulus))


@kernel
def multiply_scalar(out, a, scalars, scalars_shoup, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r]; a below 2^52."""
    for r in range(lo, hi):
        modulus = field(tables[rows[r]])
        w, w_quotient = splat(float(scalars[r])), splat_bits(scalars_shoup[r])
        x, z = a[r], out[r]
        for i in range(0, z.size, LANES):
            p = multiply_lazy(load_residues(x, i), w, w_quotient, modulus)
            store_residues(z, i, canonical(p, modulus))


@kernel
def affine(out, a, scalars, scalars_shoup, addends, rows, tables, lo, hi):
    """out[r] = a[r] scalars[r] + addends[r]; a below 2^52."""
    for r in range(lo, hi):
        modulus = field(tables[rows[r]])
        w, w_quotient = splat(float(scalars[r])), splat_bits(scalars_shoup[r])
        addend = splat(float(addends[r]))
        x, z = a[r], out[r]
        for i in range(0, z.size, LANES):
            p = multiply_lazy(load_residues(x, i), w, w_quotient, modulus)
            store_residues(z, i, canonical(p + addend, modulus))
