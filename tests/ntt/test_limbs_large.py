"""Kernels of `LimbOps` on results that no cache holds."""

from __future__ import annotations

import numpy as np

import ntt
from ntt.constants import BasisChange, Scalars
from ntt.limbs import LimbOps
from ntt.memory import aligned_array


def test_divide__results_past_the_caches_are_the_same() -> None:
    """Large results, aligned to cache lines or not, and small ones."""
    degree, limbs = 1 << 15, 32
    tables = ntt.NTTTables(degree, ntt.find_primes(45, degree, limbs))
    ops = LimbOps(tables, np.arange(limbs))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    x = np.random.default_rng(0).integers(0, top, (limbs, degree), dtype=np.uint64)
    change = BasisChange([[3] * 5] * limbs, [1] * limbs, ops.moduli)
    factors = Scalars([5] * limbs, ops.moduli)
    memory = aligned_array(limbs * degree + 8)
    results = [
        ops.divide(memory[first:][: x.size].reshape(x.shape), x, x[:5], change, factors).copy()
        for first in (0, 1)
    ]
    few = LimbOps(tables, np.arange(2))
    change = BasisChange([[3] * 5] * 2, [1] * 2, few.moduli)
    small = few.divide(np.empty_like(x[:2]), x[:2], x[:5], change, Scalars([5] * 2, few.moduli))
    assert (results[0] == results[1]).all()
    assert (results[0][:2] == small).all()


def test_tensor__results_past_the_caches_are_the_same() -> None:
    """Large results, aligned to cache lines or not, and those limb by limb."""
    degree, limbs = 1 << 15, 12
    tables = ntt.NTTTables(degree, ntt.find_primes(45, degree, limbs))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    a, b = np.random.default_rng(0).integers(0, top, (2, 2, limbs, degree), dtype=np.uint64)
    memory = aligned_array(3 * limbs * degree + 8)
    expected = np.empty((3, limbs, degree), dtype=np.uint64)
    for r in range(limbs):
        one = LimbOps(tables, np.array([r]))
        pair = (part[:, r : r + 1].copy() for part in (a, b))
        expected[:, r : r + 1] = one.tensor(np.empty((3, 1, degree), dtype=np.uint64), *pair)
    for first in (0, 1):
        out = memory[first:][: expected.size].reshape(expected.shape)
        assert (LimbOps(tables, np.arange(limbs)).tensor(out, a, b) == expected).all()
