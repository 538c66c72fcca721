"""Levels and ranges of single stages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.stages.stage import (
    AddStage,
    PolynomialStage,
    SquareStage,
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
    size = np.ones(array.shape[0] if array.ndim == 2 else 2)
    stage = PolynomialStage("p", ("p",), ("x",), size.shape, "p", size, size, size, array)
    assert (stage.levels, stage.degree) == (levels, array.shape[-1] - 1)


def test_levels__of_other_stages() -> None:
    one = np.ones(1)
    common = ("s", ("s",), ("x",), (1,), "s", one, one, one)
    assert SquareStage(*common).levels == 1
    assert AddStage(*common).levels == 0


@given(st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_polynomial__of_chebyshev_polynomials(degree: int, shared: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(degree + 1,) if shared else (3, degree + 1))
    size = np.ones(3)
    stage = PolynomialStage(
        "p", ("p",), ("x",), (3,), "p", size, size, size, coefficients, "chebyshev"
    )
    x = rng.uniform(-1, 1, (4, 3))
    angles = np.arange(degree + 1) * np.arccos(x)[..., None]
    expected = (coefficients * np.cos(angles)).sum(axis=-1)
    assert np.allclose(stage.evaluate(x), expected, rtol=0, atol=1e-12)
    low, high = stage.bounds((x.min(axis=0), x.max(axis=0)))
    assert (low <= expected + 1e-12).all()
    assert (expected - 1e-12 <= high).all()


def test_input__is_the_only_one() -> None:
    one = np.ones(1)
    stage = AddStage("s", ("s",), ("x", "y"), (1,), "s", one, one, one)
    with pytest.raises(ValueError, match="too many values"):
        _ = stage.input
