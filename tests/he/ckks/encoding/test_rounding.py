"""Rounded coefficients beside Python's integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.encoding.rounding import (
    largest_magnitude,
    recomposition,
    rounded_residues,
    shifted_digits,
)
from he.ckks.params import CKKSParameters
from he.rlwe.rns import RNSContext, context

SETS = {
    "default": CKKSParameters.build(3, N=128, scale_bits=40, insecure_reason="unit test"),
    "wide": CKKSParameters.build(
        2, N=128, scale_bits=54, prime_bits=61, dnum=3, insecure_reason="unit test"
    ),
    "below eight lanes": CKKSParameters.build(2, N=8, scale_bits=36, insecure_reason="unit test"),
}


def check(rns: RNSContext, values: np.ndarray) -> None:
    ops = rns.q(rns.params.max_level)
    found = ops.inverse(rounded_residues(values, largest_magnitude(values), ops))
    exact = [int(v) for v in np.rint(values)]
    for row, q in zip(found, ops.moduli, strict=True):
        assert row.tolist() == [v % q for v in exact]


@given(st.sampled_from(sorted(SETS)), st.integers(0, 2**32 - 1), st.integers(-3, 1000))
def test_rounded_residues__are_those_of_integers(name: str, seed: int, bits: int) -> None:
    rns = context(SETS[name])
    rng = np.random.default_rng(seed)
    check(rns, np.ldexp(rng.uniform(-1, 1, rns.params.N), bits))


@pytest.mark.parametrize("bits", [40, 47, 48, 95, 96, 400])
def test_rounded_residues__where_another_digit_begins(backend: str, bits: int) -> None:
    rns = RNSContext(SETS["default"])
    edge = math.ldexp(1.0, bits)
    values = np.zeros(rns.params.N)
    values[:8] = [edge, -edge, np.nextafter(edge, 0), -np.nextafter(edge, 0), 0.5, 1.5, -0.5, -2.5]
    check(rns, values)
    check(rns, values[::-1].copy())


@given(
    st.sampled_from(["default", "wide"]),
    st.sampled_from([16, 32, 128]),
    st.integers(0, 2**32 - 1),
    st.integers(-3, 1000),
)
def test_shifted_digits__mirrored_give_the_first_half_of_all(name, inner, seed, bits) -> None:
    rns = context(SETS[name])
    rows = rns.q_rows(rns.params.max_level)
    ring = rns.limbs.subring(inner)
    first = np.ldexp(np.random.default_rng(seed).uniform(-1, 1, inner // 2), bits)
    values = np.concatenate((first, [0.0], -first[:0:-1]))
    largest = largest_magnitude(values)
    whole = rounded_residues(values, largest, ring(rows))
    assert (whole == whole[:, ::-1]).all()
    ops = ring.mirrored()(rows)
    digits = shifted_digits(np.stack((-first, first)), largest, mirrored=True)
    change = recomposition(digits.shape[1], ops, mirrored=True)
    half = ops.convert_forward(np.empty((len(rows), inner // 2), np.uint64), digits[1], change)
    assert (half == whole[:, : inner // 2]).all()


def test_largest_magnitude__puts_infinity_and_then_nan_above_all_numbers() -> None:
    values = np.array([1.0, -3.5, 2.0] * 5)
    assert largest_magnitude(values) == 3.5
    values[4] = -np.inf
    assert largest_magnitude(values) == np.inf
    values[7] = np.nan
    assert math.isnan(largest_magnitude(values))
    assert largest_magnitude(np.zeros(3)) == 0
