"""The overflow count beside Python's floats, and beside exact integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_model.isa import semantics
from ntt import find_primes
from tests.strategies import primes, residue_rows

N = 16


def bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))


@st.composite
def terms(draw: st.DrawFn) -> tuple[list[int], list[np.ndarray]]:
    moduli = draw(st.lists(primes(N), min_size=1, max_size=4))
    return moduli, [draw(residue_rows(q, N)) for q in moduli]


@given(terms())
def test_fraction__rounds_as_floats_do(drawn: tuple[list[int], list[np.ndarray]]) -> None:
    moduli, rows = drawn
    total, expected = None, [0.0] * N
    for q, row in zip(moduli, rows, strict=True):
        total = semantics.fraction(row, bits(1 / q), total)
        expected = [t + float(a) * (1 / q) for t, a in zip(expected, row.tolist(), strict=True)]
        assert total.view(np.float64).tolist() == expected
    assert total is not None
    assert semantics.floor(total).tolist() == [math.floor(sum_) for sum_ in expected]


@pytest.mark.parametrize("width", [30, 50, 61])
def test_overflow_count__is_that_of_the_chinese_remainder_sum(width: int) -> None:
    """sum_i a_i (D / q_i) - count D is the number in [0, D) that the residues stand for."""
    moduli = find_primes(width, N, 4)
    D = math.prod(moduli)
    rng = np.random.default_rng(width)
    rows = [rng.integers(0, q, N, dtype=np.uint64) for q in moduli]
    total = None
    for q, row in zip(moduli, rows, strict=True):
        total = semantics.fraction(row, bits(1 / q), total)
    assert total is not None
    sums = [
        sum(int(row[i]) * (D // q) for q, row in zip(moduli, rows, strict=True)) for i in range(N)
    ]
    assert semantics.floor(total).tolist() == [exact // D for exact in sums]
