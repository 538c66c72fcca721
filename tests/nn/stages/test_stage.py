"""Levels and ranges of single stages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.network.layers import FloatArray
from nn.stages.stage import (
    AddStage,
    PolynomialStage,
    SquareStage,
    polynomial_bounds,
    polynomial_levels,
)


@pytest.mark.parametrize(
    ("coefficients", "levels"),
    [
        ([3.0], 0),
        ([3.0, 2.0], 1),
        ([3.0, 2.0, 1.0], 1),
        ([3.0, 2.0, -1.0], 1),
        ([3.0, 2.0, 0.5], 2),
        ([[3.0, 2.0, 1.0], [1.0, 0.0, 1.0]], 1),
        ([[3.0, 2.0, 1.0], [1.0, 0.0, -1.0]], 2),
        ([0.0, 0.0, 0.0, 1.0], 2),
        ([0.0, 0.0, 0.0, 0.0, 2.5], 3),
        ([0.0, 0.0, 0.0, 0.0, 2.0], 2),
        ([0.0] * 7 + [1.0], 3),
        ([0.0] * 8 + [0.5], 4),
    ],
)
def test_polynomial_levels(coefficients: list[float], levels: int) -> None:
    array = np.array(coefficients)
    assert polynomial_levels(array) == levels
    size = np.ones(array.shape[0] if array.ndim == 2 else 2)
    stage = PolynomialStage("p", ("p",), ("x",), size.shape, "p", size, size, size, array)
    assert (stage.levels, stage.degree) == (levels, array.shape[-1] - 1)


def test_levels__of_other_stages() -> None:
    one = np.ones(1)
    common = ("s", ("s",), ("x",), (1,), "s", one, one, one)
    assert SquareStage(*common).levels == 1
    assert AddStage(*common).levels == 0


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_polynomial_bounds__hold_on_the_interval(degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Multiples of 1/4 of small size: all the arithmetic below is exact.
    coefficients = rng.integers(-8, 9, (6, degree + 1)) / 4
    low = rng.integers(-8, 9, 6) / 4
    high = low + rng.integers(0, 9, 6) / 4
    least, greatest = polynomial_bounds(coefficients, (low, high))
    points = low + (high - low) * (np.arange(9)[:, None] / 8)
    values = evaluate(coefficients, points)
    # The vertex of a parabola is a quotient, so the extreme value there is rounded.
    slack = 1e-12 if degree == 2 else 0.0
    assert (least <= values + slack).all()
    assert (values <= greatest + slack).all()


@given(st.integers(0, 2**32 - 1))
def test_polynomial_bounds__of_a_parabola_are_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Vertices at multiples of 1/8 lie on the grid of points.
    square = rng.choice([-2.0, -1.0, 0.0, 1.0, 2.0], 6)
    coefficients = np.stack([rng.normal(size=6), rng.integers(-8, 9, 6) / 2, square], axis=1)
    low = rng.integers(-8, 9, 6) / 8
    high = low + rng.integers(0, 9, 6) / 8
    points = np.clip(np.arange(-16, 25)[:, None] / 8, low, high)
    values = evaluate(coefficients, points)
    least, greatest = polynomial_bounds(coefficients, (low, high))
    np.testing.assert_allclose(least, values.min(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(greatest, values.max(axis=0), rtol=0, atol=1e-12)


def evaluate(coefficients: FloatArray, points: FloatArray) -> FloatArray:
    powers = points[..., None] ** np.arange(coefficients.shape[-1])
    result: FloatArray = (coefficients * powers).sum(axis=-1)
    return result


def test_input__is_the_only_one() -> None:
    one = np.ones(1)
    stage = AddStage("s", ("s",), ("x", "y"), (1,), "s", one, one, one)
    with pytest.raises(ValueError, match="too many values"):
        _ = stage.input
