"""Scaling to and from the plain modulus against Python integers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from he.bfv.lift import EXHAUSTED, CentredLift, plain_lift
from he.errors import NoiseBudgetExhaustedError
from he.rlwe.rns import context


def messages(params):
    t = params.t
    rng = np.random.default_rng(1)
    m = rng.integers(0, t, params.N, dtype=np.uint64)
    m[:5] = [0, 1, t - 1, t // 2, t // 2 + 1]
    return m


def test_scaled__is_q_m_over_t_rounded(scheme):
    params = scheme.params
    for level in (0, params.max_level):
        ops = context(params).q(level)
        Q, m = math.prod(ops.moduli), messages(params)
        residues = ops.inverse(plain_lift(params, level).scaled(m))
        for column, value in zip(residues.T, m, strict=True):
            expected = (2 * Q * int(value) + params.t) // (2 * params.t)
            assert [int(c) for c in column] == [expected % q for q in ops.moduli]


def test_centred__is_m_in_plus_minus_half_t(scheme):
    params = scheme.params
    ops, m = context(params).q(params.max_level), messages(params)
    residues = ops.inverse(plain_lift(params, params.max_level).centred(m))
    for column, value in zip(residues.T, m, strict=True):
        centred = (int(value) + params.t // 2) % params.t - params.t // 2
        assert [int(c) for c in column] == [centred % q for q in ops.moduli]


def test_rounded__is_t_x_over_q_rounded_up_to_the_refused_band(scheme):
    """x = (Q / t)(m + v) for |v| up to the bound, at both signs."""
    params = scheme.params
    level = params.max_level
    ops, m = context(params).q(level), messages(params)
    Q, t = math.prod(ops.moduli), params.t
    edge = int(EXHAUSTED * 10**6) - 1
    for v in (0, edge, -edge):
        x = [(Q * (int(value) * 10**6 + v)) // (t * 10**6) for value in m]
        residues = np.array([[c % q for c in x] for q in ops.moduli], dtype=np.uint64)
        assert np.array_equal(plain_lift(params, level).rounded(ops.forward(residues)), m)
    tie = [Q * (2 * int(value) + 1) // (2 * t) for value in m]
    residues = np.array([[c % q for c in tie] for q in ops.moduli], dtype=np.uint64)
    with pytest.raises(NoiseBudgetExhaustedError) as refusal:
        plain_lift(params, level).rounded(ops.forward(residues))
    # Logs and answers may hold the error, so it measures nothing.
    assert not re.search(r"\d", str(refusal.value))


def test_noise_budget__is_the_largest_remainder(small):
    """A plaintext encrypted without noise but one coefficient of known size."""
    params = small.params
    ct = small.encrypt(small.slots(1))
    ops = context(params).q(params.max_level)
    Q, t = math.prod(ops.moduli), params.t
    error = np.zeros(params.N, dtype=object)
    error[3] = 1 << 40
    residues = np.array([[int(v) % q for v in error] for q in ops.moduli], dtype=np.uint64)
    data = np.zeros_like(ct.data)
    data[0] = ops.forward(residues)
    budget = small.decryptor.noise_budget(small.evaluator.result(data, ct.noise))
    assert budget == pytest.approx(math.log2(Q) - math.log2(2 * t * (1 << 40)), abs=1e-9)


def test_terms__recompose_to_the_centred_value(scheme):
    params = scheme.params
    ops = context(params).q(params.max_level)
    D = math.prod(ops.moduli)
    rng = np.random.default_rng(2)
    values = [int.from_bytes(rng.bytes(64), "little") % D for _ in range(params.N)]
    values[:4] = [0, 1, D - 1, D // 4]
    x = np.array([[v % q for v in values] for q in ops.moduli], dtype=np.uint64)
    lift = CentredLift(ops)
    terms = np.empty((len(lift), params.N), dtype=np.uint64)
    worst = lift.terms(terms, x)
    centred = [(v + D // 2) % D - D // 2 for v in values]
    weights = [D // q for q in ops.moduli] + [-D]
    for column, value in zip(terms.T, centred, strict=True):
        assert sum(int(y) * w for y, w in zip(column, weights, strict=True)) == value
    largest = max(abs(v) for v in centred)
    assert worst == pytest.approx(largest / D, abs=len(lift) ** 2 * 2.0**-52)
