"""Raising the modulus, against Python's integers."""

from __future__ import annotations

import numpy as np
import pytest

import he
from he.rlwe.raising import ModulusRaising
from he.rlwe.rns import context


@pytest.mark.parametrize("scale_bits", [20.0, 30.0, 55.0])
def test_raising__keeps_the_centred_coefficients(scale_bits: float) -> None:
    """One prime at level 0, and two, whose overflow count is uncertain within Q / 2^48 of Q / 2."""
    params = he.CKKSParameters.build(
        2, N=64, scale_bits=[scale_bits, 40, 50], word_bits=50, insecure_reason="unit test"
    )
    rows, top = context(params), params.max_level
    Q = params.modulus(0)
    random = np.random.default_rng(0)
    away = Q >> 48 if len(params.primes(0)) > 1 else 0
    edges = [0, 1, Q - 1, Q // 2 - away, Q // 2 + 1 + away]
    values = edges + [int.from_bytes(random.bytes(16), "little") % Q for _ in range(64 - 5)]
    below = np.array([[v % q for v in values] for q in params.primes(0)], dtype=np.uint64)
    out = np.empty((1, params.levels[top].limbs, 64), dtype=np.uint64)
    data = rows.q(0).forward(below)[None]
    rows.companion(ModulusRaising, top)(params, data, out)
    raised = rows.q(top).inverse(out[0])
    centred = [v if 2 * v <= Q else v - Q for v in values]
    for row, q in zip(raised, params.primes(top), strict=True):
        assert [int(x) for x in row] == [v % q for v in centred]
