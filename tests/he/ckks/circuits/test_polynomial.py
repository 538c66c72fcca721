"""Polynomials as data: their cleartext meaning against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import chebyshev, polynomial

from he.ckks.circuits.polynomial import Polynomial, depth, divide, trimmed
from he.errors import ParameterError

coefficient_lists = st.lists(st.floats(-4, 4), min_size=1, max_size=20)
bases = st.sampled_from(["power", "chebyshev"])


@given(coefficient_lists, bases, st.floats(-3, 2), st.floats(0.25, 4))
def test_call__is_numpys_value(coefficients, basis, low, width) -> None:
    interval = (low, low + width)
    x = np.linspace(*interval, 33)
    value = Polynomial(coefficients, basis, interval)(x)
    if basis == "power":
        expected = polynomial.polyval(x, coefficients)
        size = polynomial.polyval(np.abs(x).max(), np.abs(coefficients))
    else:
        expected = chebyshev.chebval((2 * x - 2 * low - width) / width, coefficients)
        size = np.abs(coefficients).sum() * len(coefficients)
    # A recurrence of n steps in float64 is off by at most a few n units of the largest term; the
    # map to (-1, 1) loses |low| / width of its last bits.
    steps = 8 * len(coefficients) ** 2 * (1 + abs(low) / width)
    assert np.abs(value - expected).max() <= steps * 2.0**-53 * max(size, 1e-300)


@given(st.integers(1, 3), st.integers(2, 5))
def test_call__takes_vectors_of_coefficients(degree, slots) -> None:
    rng = np.random.default_rng(degree * slots)
    coefficients = rng.uniform(-1, 1, (degree + 1, slots))
    x = rng.uniform(-1, 1, slots)
    expected = [Polynomial(coefficients[:, i])(x[i]) for i in range(slots)]
    assert np.allclose(Polynomial(coefficients)(x), expected, rtol=2.0**-50, atol=2.0**-50)


@pytest.mark.parametrize(
    ("degree", "levels"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (15, 4), (63, 6)]
)
def test_depth__is_the_logarithm(degree: int, levels: int) -> None:
    assert depth(degree) == levels
    assert Polynomial([0.5] * (degree + 1)).depth == levels


def test_depth__of_the_exceptions() -> None:
    assert Polynomial([0.3, 0.2, 1]).depth == 1
    assert Polynomial([0.3, 0.2, -1]).depth == 1
    assert Polynomial([0.3, 0.2, 3.0]).depth == 1
    assert Polynomial([0.3, 0.2, 0.5]).depth == 2
    assert Polynomial([0.3, 0.2, np.ones(4)]).depth == 2
    assert Polynomial([0, 0, 0, 0, 1]).depth == 2
    assert Polynomial([0, 0, 0, 1]).depth == 2
    assert Polynomial([0, 1], "chebyshev", (-2, 2)).depth == 2
    assert Polynomial([0, 1], "chebyshev", (3, 5)).depth == 1


@given(st.integers(1, 5), bases, st.data())
def test_divide__recomposes(log_g, basis, data) -> None:
    g = 1 << log_g
    size = data.draw(st.integers(g + 1, 2 * g))
    coefficients = [np.array(float(c)) for c in data.draw(st.lists(
        st.integers(-9, 9), min_size=size, max_size=size
    ))]  # fmt: skip
    quotient, rest = divide(coefficients, g, basis)
    multiply, add = (
        (polynomial.polymul, polynomial.polyadd)
        if basis == "power"
        else (chebyshev.chebmul, chebyshev.chebadd)
    )
    unit = np.zeros(g + 1)
    unit[g] = 1
    product = multiply([float(c) for c in quotient], unit)
    total = add(product, [float(c) for c in rest])
    difference = add(total, [-float(c) for c in coefficients])
    assert not difference.any()
    assert len(rest) <= g


def test_interpolate__passes_through_its_nodes() -> None:
    p = Polynomial.interpolate(np.exp, 12, (-2.0, 3.0))
    x = np.linspace(-2, 3, 1001)
    # Interpolation at Chebyshev nodes: max |f^(n+1)| ((b - a) / 4)^(n+1) 2 / (n+1)!
    bound = np.exp(3) * 1.25**13 * 2 / 6227020800
    assert np.abs(p(x) - np.exp(x)).max() <= bound


def test_trimmed__keeps_one_coefficient() -> None:
    assert len(trimmed([np.array(0.0), np.zeros(3)])) == 1
    assert Polynomial([1.0, 2.0, 0.0, np.zeros(3)]).degree == 1


@pytest.mark.parametrize(
    ("coefficients", "match"),
    [
        ([], "at least one"),
        ([1, np.nan], "coefficient 1 is not finite"),
        ([np.inf], "coefficient 0 is not finite"),
        ([np.zeros((2, 2))], "one vector"),
        (["x"], "number or one vector"),
        ([np.ones(3), np.ones(4)], "differ in length"),
    ],
)
def test_bad_coefficients__are_refused(coefficients, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        Polynomial(coefficients)


def test_bad_basis_and_interval__are_refused() -> None:
    with pytest.raises(ParameterError, match="basis"):
        Polynomial([1], "legendre")
    for interval in ((1, 1), (2, 1), (0, np.inf), (np.nan, 1)):
        with pytest.raises(ParameterError, match="interval"):
            Polynomial([1], "chebyshev", interval)
    with pytest.raises(ParameterError, match="degree = -1"):
        depth(-1)
