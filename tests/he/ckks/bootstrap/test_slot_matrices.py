"""The matrices of the embedding against a matrix of roots of unity, and their split into steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.bootstrap import slot_matrices
from he.ckks.bootstrap.slot_matrices import Diagonals
from he.ckks.bootstrap.steps import baby_giant, in_order, matrix_shifts, split_evenly
from he.ckks.encoding.embedding import embedding


def _applied(matrices: list[Diagonals], x: np.ndarray) -> np.ndarray:
    for matrix in matrices:
        x = np.sum([v * np.roll(x, -shift) for shift, v in matrix.items()], axis=0)
    return x


def _roots(n: int) -> np.ndarray:
    """zeta^(j (-3)^k), row k, column j."""
    powers = [pow(-3, k, 4 * n) for k in range(n)]
    result: np.ndarray = np.exp(2j * np.pi * np.outer(powers, np.arange(n)) / (4 * n))
    return result


@pytest.mark.parametrize("n", [2, 4, 16, 128])
def test_matrices__equal_a_direct_matrix_and_its_inverse(n: int) -> None:
    random = np.random.default_rng(n)
    w = random.normal(size=n) + 1j * random.normal(size=n)
    steps = n.bit_length() - 1
    order = slot_matrices.bit_reversed(n)
    for count in range(1, steps + 1):
        groups = split_evenly(steps, count)
        slots = _applied(slot_matrices.slots_of_coefficients(n, groups), w[order])
        np.testing.assert_allclose(slots, _roots(n) @ w, rtol=0, atol=1e-10 * n)
        factors = [3.0, *[0.5] * (count - 1)]
        back = _applied(slot_matrices.coefficients_of_slots(n, groups, factors), slots)
        whole = 3 * 0.5 ** (count - 1)
        np.testing.assert_allclose(back, whole * w[order], rtol=0, atol=1e-10 * n)


@pytest.mark.parametrize("n", [4, 16, 128])
def test_from_zero__is_the_same_map_behind_a_rotation(n: int) -> None:
    random = np.random.default_rng(n)
    x = random.normal(size=n) + 1j * random.normal(size=n)
    for count in range(1, n.bit_length()):
        groups = split_evenly(n.bit_length() - 1, count)
        for matrices in (
            slot_matrices.slots_of_coefficients(n, groups),
            slot_matrices.coefficients_of_slots(n, groups),
        ):
            moved, turn = slot_matrices.from_zero(matrices)
            assert all(0 <= shift < n for matrix in moved for shift in matrix)
            found = _applied(moved, np.roll(x, -turn))
            np.testing.assert_allclose(found, _applied(matrices, x), rtol=0, atol=1e-10 * n)


@pytest.mark.parametrize("n", [8, 64])
def test_matrices__lead_to_the_encoders_slots_with_odd_ones_conjugated(n: int) -> None:
    coefficients = np.random.default_rng(n).normal(size=2 * n)
    w = coefficients[:n] + 1j * coefficients[n:]
    groups = split_evenly(n.bit_length() - 1, 2)
    found = _applied(
        slot_matrices.slots_of_coefficients(n, groups), w[slot_matrices.bit_reversed(n)]
    )
    expected = embedding(2 * n).slots(coefficients, 1.0)
    expected[1::2] = expected[1::2].conj()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * n)


@pytest.mark.parametrize(("n", "count"), [(16, 1), (64, 2), (1 << 10, 3), (1 << 15, 4)])
def test_shifts__are_those_of_the_matrices(n: int, count: int) -> None:
    groups = split_evenly(n.bit_length() - 1, count)
    shifts = matrix_shifts(n, groups)
    matrices = slot_matrices.slots_of_coefficients(n, groups)
    assert [sorted(s % n for s in of_matrix) for of_matrix in shifts] == [
        sorted(matrix) for matrix in matrices
    ]
    assert shifts == [in_order(matrix, n) for matrix in matrices]


@given(st.integers(2, 12).flatmap(lambda k: st.tuples(st.just(k), st.integers(1, k))))
def test_baby_giant__makes_each_shift_once_with_even_giants(sizes: tuple[int, int]) -> None:
    steps, count = sizes
    n = 1 << steps
    for shifts in matrix_shifts(n, split_evenly(steps, count)):
        plan = baby_giant(shifts, 4 * n)
        assert all(giant % 2 == 0 for giant in plan.giants)
        made = [(plan.giants[g] + plan.babies[b]) % (4 * n) for g, b, _ in plan.terms]
        assert made == [shift % (4 * n) for shift in shifts]
