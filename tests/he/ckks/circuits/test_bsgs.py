"""Baby steps and giant steps: every shift is made up, cheaply."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.circuits.bsgs import BabyGiant, distinct, split
from he.errors import ParameterError

powers = st.integers(0, 10).map(lambda k: 1 << k)
costs = st.sampled_from([0.5, 1.0, 3.0, 4.0])


@st.composite
def shift_sets(draw: st.DrawFn) -> tuple[list[int], int]:
    """Shifts of any sign, and a slot count."""
    n_slots = draw(powers)
    return draw(st.lists(st.integers(-2 * n_slots, 2 * n_slots), max_size=60)), n_slots


def check_terms(plan: BabyGiant, n_slots: int) -> None:
    for giant, baby, shift in plan.terms:
        assert (plan.giants[giant] + plan.babies[baby]) % n_slots == shift
    for steps in (plan.babies, plan.giants):
        assert len(set(steps)) == len(steps)
        assert all(0 <= step < n_slots for step in steps)
    assert {giant for giant, _, _ in plan.terms} == set(range(len(plan.giants)))
    assert {baby for _, baby, _ in plan.terms} == set(range(len(plan.babies)))


@given(shift_sets(), costs, costs)
def test_split__makes_each_shift_once(
    case: tuple[list[int], int], baby_cost: float, giant_cost: float
) -> None:
    shifts, n_slots = case
    plan = split(shifts, n_slots, baby_cost, giant_cost)
    check_terms(plan, n_slots)
    made = [shift for _, _, shift in plan.terms]
    assert sorted(made) == sorted({shift % n_slots for shift in shifts})


@given(shift_sets(), powers)
def test_split__with_a_period_makes_each_class_once(
    case: tuple[list[int], int], repeats: int
) -> None:
    shifts, period = case
    plan = split(shifts, period * repeats, period=period)
    check_terms(plan, period * repeats)
    made = [shift % period for _, _, shift in plan.terms]
    assert sorted(made) == sorted({shift % period for shift in shifts})


@given(shift_sets(), costs, costs)
def test_split__is_never_dearer_than_all_babies_or_all_giants(
    case: tuple[list[int], int], baby_cost: float, giant_cost: float
) -> None:
    shifts, n_slots = case
    nonzero = len({shift % n_slots for shift in shifts} - {0})
    cost = split(shifts, n_slots, baby_cost, giant_cost).cost(baby_cost, giant_cost)
    assert cost <= min(baby_cost, giant_cost) * nonzero


@given(shift_sets(), st.integers(0, 2**32 - 1))
def test_split__evaluates_the_same_sum(case: tuple[list[int], int], seed: int) -> None:
    shifts, n_slots = case
    rng = np.random.default_rng(seed)
    x = rng.integers(-100, 100, n_slots)
    vectors = {shift % n_slots: rng.integers(-100, 100, n_slots) for shift in shifts}
    direct = sum(
        (vector * np.roll(x, -shift) for shift, vector in vectors.items()), np.zeros(n_slots, int)
    )
    plan = split(shifts, n_slots)
    total = np.zeros(n_slots, int)
    for index, giant in enumerate(plan.giants):
        inner = np.zeros(n_slots, int)
        for giant_index, baby_index, shift in plan.terms:
            if giant_index == index:
                rotated = np.roll(vectors[shift], giant)
                inner += rotated * np.roll(x, -plan.babies[baby_index])
        total += np.roll(inner, -giant)
    assert (total == direct).all()


@given(st.integers(1, 300))
def test_split__of_a_range_takes_two_square_roots(count: int) -> None:
    plan = split(range(count), 1024, 1.0, 1.0)
    # n1 = ceil(sqrt n) babies and ceil(n / n1) giants, of which one each is 0.
    assert plan.cost(1.0, 1.0) <= 2 * math.ceil(math.sqrt(count)) - 2


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    first_row=st.integers(-5, 0),
    first_column=st.integers(-5, 0),
    pitch=st.sampled_from([16, 28, 32, 37]),
)
def test_split__finds_the_rows_of_an_image(
    rows: int, columns: int, first_row: int, first_column: int, pitch: int
) -> None:
    shifts = [
        (first_row + y) * pitch + first_column + x for y in range(rows) for x in range(columns)
    ]
    plan = split(shifts, 4096, 1.0, 1.0)
    has_zero = 0 in shifts
    assert plan.cost(1.0, 1.0) <= columns - has_zero + rows - 1


def test_split__of_a_strided_convolution() -> None:
    shifts = [a * 28 + b for a in range(-3, 3) for b in range(-3, 3)]
    plan = split(shifts, 4096, 1.0, 1.0, period=1024)
    assert (len(plan.babies), len(plan.giants)) == (6, 6)
    assert plan.rotations == {(b % 4096) for b in (-3, -2, -1, 1, 2)} | {
        (28 * a % 4096) for a in (-3, -2, -1, 1, 2)
    }


def test_split__of_few_shifts() -> None:
    assert split([], 8) == BabyGiant((), (), ())
    assert split([0], 8) == BabyGiant((0,), (0,), ((0, 0, 0),))
    assert split([8, -8], 8).rotations == frozenset()
    assert split([3], 8).rotations == {3}
    assert split([5], 1) == BabyGiant((0,), (0,), ((0, 0, 0),))


def test_cost__leaves_step_zero_free() -> None:
    plan = BabyGiant((0, 1, 2), (0, 3), ())
    assert plan.cost(2.0, 5.0) == 2 * 2.0 + 5.0
    assert plan.rotations == {1, 2, 3}


@pytest.mark.parametrize(("n_slots", "period"), [(0, None), (8, 3), (8, 0), (8, 16)])
def test_split__refuses_a_period_that_does_not_divide(n_slots: int, period: int | None) -> None:
    with pytest.raises(ParameterError, match="divisor"):
        split([1], n_slots, period=period)


@given(st.lists(st.integers(-5, 5)))
def test_distinct__is_unique_of_numpy(numbers):
    found = distinct(np.array(numbers, dtype=np.int64))
    assert found.dtype == np.int64
    assert found.tolist() == np.unique(numbers).tolist()
