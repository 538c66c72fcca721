"""Loops on residues that are the same for every backend. Arrays in; nothing raised or allocated."""

from __future__ import annotations

import numpy as np

from ntt.jit import kernel


@kernel
def overflow_count(out, y, inverses):
    """out[i] = floor(sum_s y[s, i] inverses[s]): how often the CRT sum passes the modulus.

    y (sources, N) uint64 residues; inverses float64, 1 / modulus. The sum is computed in float64;
    it is off by less than sources^2 2^-52, which matters only for a value within that fraction of
    a multiple of the modulus, where either neighbour is a valid rounding.
    """
    totals = out.view(np.float64)
    for s in range(y.shape[0]):
        inverse = inverses[s]
        if s == 0:
            for i in range(out.size):
                totals[i] = np.float64(y[0, i]) * inverse
        else:
            for i in range(out.size):
                totals[i] += np.float64(y[s, i]) * inverse
    for i in range(out.size):
        out[i] = np.uint64(totals[i])


@kernel
def ternary_counts(counts, values):
    """counts (4,) int64 = how many of the int64 values are -1, 0, 1, and anything else."""
    counts[:] = 0
    for i in range(values.size):
        v = values[i]
        counts[v + 1 if -1 <= v <= 1 else 3] += 1


@kernel
def ternary_of_residues(out, residues, moduli):
    """out int64 (N,) = the polynomial with coefficients in {-1, 0, 1} that residues (limbs, N) are.

    False where two limbs disagree, or a residue is another one.
    """
    same = True
    for r in range(moduli.size):
        q = moduli[r]
        for i in range(out.size):
            x = residues[r, i]
            v = np.int64(x) if x <= np.uint64(1) else -np.int64(q - x)
            same &= v >= -1
            if r == 0:
                out[i] = v
            else:
                same &= out[i] == v
    return same


@kernel
def residues_of_small(out, values, moduli):
    """out[r, i] = values[i] mod moduli[r] for int64 values with |value| < every modulus."""
    for r in range(moduli.size):
        q = np.int64(moduli[r])
        for i in range(values.size):
            v = values[i]
            out[r, i] = np.uint64(v + (q if v < 0 else 0))


@kernel
def add_small(residues, values, q, residue_shift, value_shift):
    """residues[i] += values[i] + residue_shift modulo q, and values[i] += value_shift.

    residues uint64 (N,), reduced before and after; values int64 (N,) with |value| < q;
    residue_shift in [0, q).
    """
    modulus, shift = np.int64(q), np.int64(residue_shift)
    for i in range(values.size):
        x = np.int64(residues[i]) + shift
        x -= modulus if x >= modulus else 0
        x += values[i]
        x += modulus if x < 0 else 0
        residues[i] = np.uint64(x - (modulus if x >= modulus else 0))
        values[i] += value_shift
