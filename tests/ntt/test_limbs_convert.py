"""The change of basis that stays in coefficients, against Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from ntt import find_primes
from ntt.constants import BasisChange
from ntt.limbs import LimbOps
from ntt.tables import NTTTables

N = 128


@pytest.mark.parametrize("sources", [1, 2, 4, 5, 9, 40])
def test_convert__weighted_sum_of_python_integers(backend, sources):
    bits = backend.MAX_MODULUS_BITS
    moduli = find_primes(bits, N, 3)
    rng = np.random.default_rng(sources)
    y = rng.integers(0, 1 << bits, (sources, N), dtype=np.uint64)
    y[:, 0], y[:, 1] = (1 << bits) - 1, 0
    weights = [[int(w) for w in rng.integers(0, q, sources, dtype=np.uint64)] for q in moduli]
    weights[0] = [moduli[0] - 1] * sources
    offsets = [q - 1 for q in moduli]
    ops = LimbOps(NTTTables(N, moduli), np.arange(3))
    out = ops.convert(np.empty((3, N), np.uint64), y, BasisChange(weights, offsets, moduli))
    for row, q, factors, offset in zip(out, moduli, weights, offsets, strict=True):
        expected = [
            (sum(w * int(v) for w, v in zip(factors, column, strict=True)) + offset) % q
            for column in y.T
        ]
        assert [int(v) for v in row] == expected


def test_convert__transform_of_it_is_convert_forward(backend):
    moduli = find_primes(50, N, 4)
    rng = np.random.default_rng(1)
    y = rng.integers(0, 1 << 50, (3, N), dtype=np.uint64)
    change = BasisChange(rng.integers(0, 1 << 49, (4, 3)).tolist(), [5] * 4, moduli)
    ops = LimbOps(NTTTables(N, moduli), np.arange(4))
    plain = ops.convert(np.empty((4, N), np.uint64), y, change)
    fused = ops.convert_forward(np.empty((4, N), np.uint64), y, change)
    assert np.array_equal(ops.forward(plain), fused)
