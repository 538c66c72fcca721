"""Ranges of polynomials over intervals."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nn.network.layers import FloatArray
from nn.stages.ranges import chebyshev_bounds, polynomial_bounds


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


@given(st.integers(3, 20), st.integers(0, 2**32 - 1))
def test_polynomial_bounds__hold_for_high_degrees(degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(4, degree + 1))
    low = rng.normal(size=4)
    high = low + rng.exponential(size=4)
    least, greatest = polynomial_bounds(coefficients, (low, high))
    points = low + (high - low) * np.linspace(0, 1, 65)[:, None]
    values = evaluate(coefficients, points)
    slack = 1e-12 * evaluate(np.abs(coefficients), np.abs(points))
    assert (least <= values + slack).all()
    assert (values <= greatest + slack).all()


def test_polynomial_bounds__of_cancelling_powers_are_useful() -> None:
    """T_12 stays within [-1, 1]; Horner's rule on intervals says 10^4."""
    powers = np.polynomial.chebyshev.cheb2poly([0.0] * 12 + [1.0])
    one = np.ones(1)
    least, greatest = polynomial_bounds(powers, (-one, one))
    assert -1.001 < least[0] <= -1
    assert 1 <= greatest[0] < 1.001


@given(st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_chebyshev_bounds__hold_beyond_the_interval(degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(4, degree + 1))
    low, high = np.sort(rng.uniform(-2, 2, (2, 4)), axis=0)
    least, greatest = chebyshev_bounds(coefficients, (low, high))
    for row in range(4):
        points = np.linspace(low[row], high[row], 33)
        values = np.polynomial.chebyshev.chebval(points, coefficients[row])
        slack = 1e-12 * np.abs(coefficients[row]).sum() * 4**degree
        assert (least[row] - slack <= values).all()
        assert (values <= greatest[row] + slack).all()
