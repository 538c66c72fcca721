"""Secrets and errors: what they are made of, against NumPy's plain words for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.rlwe import sampling
from he.rlwe.rns import context
from he.rlwe.rns_kernels import ternary_counts, ternary_of_residues
from he.rlwe.sampling import RandomStream
from he.rlwe.small_polynomials import mask
from ntt.memory import large_array
from ntt.workspace import workspace

SEED = bytes(32)
MODULI = np.array([17, 97, (1 << 61) - 1], dtype=np.uint64)


@given(st.lists(st.sampled_from([-1, 0, 1, 2, -2, 1 << 62, -(1 << 63)]), min_size=1))
def test_ternary_counts__are_those_of_numpy(values):
    values = np.array(values, dtype=np.int64)
    counts = np.empty(4, dtype=np.int64)
    ternary_counts(counts, values)
    expected = [int((values == v).sum()) for v in (-1, 0, 1)]
    assert counts.tolist() == [*expected, values.size - sum(expected)]


@given(st.lists(st.integers(-1, 1), min_size=1), st.data())
def test_ternary_of_residues__finds_the_one_polynomial(values, data):
    values = np.array(values, dtype=np.int64)
    residues = np.array([[v % int(q) for v in values.tolist()] for q in MODULI], dtype=np.uint64)
    out = np.empty_like(values)
    assert ternary_of_residues(out, residues, MODULI)
    assert (out == values).all()
    limb, place = data.draw(st.integers(0, 2)), data.draw(st.integers(0, values.size - 1))
    q = int(MODULI[limb])
    other = data.draw(st.integers(0, q - 1).filter(lambda x: x != values[place] % q))
    residues[limb, place] = other
    assert not ternary_of_residues(out, residues, MODULI)


@pytest.mark.parametrize("level", [0, 2])
def test_mask__is_an_error_less_the_product(small, level):
    params, ops = small.params, context(small.params).q(level)
    pair = large_array((2, level + 1, params.N))
    pair[1] = sampling.uniform_residues(RandomStream.from_seed(SEED), ops.moduli, params.N)
    secret = small.secret.transformed[: level + 1]
    mask(pair, secret, RandomStream.from_seed(SEED, "error"), params, ops)
    left = ops.inverse(ops.multiply_add(pair[0].copy(), pair[1], secret))
    error = sampling.gaussian(RandomStream.from_seed(SEED, "error"), params.N, params.sigma)
    assert (left == np.array([error % q for q in ops.moduli], dtype=np.uint64)).all()


def test_mask__an_error_on_the_way_leaves_no_secret(small, monkeypatch):
    params, ops = small.params, context(small.params).q(2)
    pair = large_array((2, 3, params.N))
    pair.fill(1)

    def fail(*arrays):
        assert pair[0].any()
        raise KeyboardInterrupt

    monkeypatch.setattr(ops, "negate", fail)
    with pytest.raises(KeyboardInterrupt):
        mask(pair, small.secret.transformed[:3], RandomStream.from_seed(SEED), params, ops)
    assert not pair[0].any()
    assert not workspace("error", (2, params.N)).any()
