"""Element-wise kernels with a product: rows [lo, hi) of (rows, N) arrays, residues in [0, q)."""

from __future__ import annotations

from ntt.backends.fma.arithmetic import canonical, field, multiply_lazy
from ntt.backends.fma.arithmetic import multiply as multiply_modulo
from ntt.backends.fma.vectors import LANES, load_residues, splat, splat_bits, store_residues
from ntt.jit import kernel


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
def multiply_add(out, a, b, rows, tables, lo, hi):
    """out += a b, coefficient by coefficient."""
    for r in range(lo, hi):
        modulus = field(tables[rows[r]])
        x, y, z = a[r], b[r], out[r]
        for i in range(0, z.size, LANES):
            p = multiply_modulo(load_residues(x, i), load_residues(y, i), modulus)
            store_residues(z, i, canonical(p + load_residues(z, i), modulus))


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
