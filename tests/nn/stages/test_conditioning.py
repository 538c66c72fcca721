"""Polynomials of high degree in the Chebyshev basis: the same function, with less error."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.stages.rewriting import rewrite
from nn.stages.stage import PolynomialStage, Stage
from tests.nn.cleartext import evaluate


def silu_powers(degree: int, reach: float) -> FloatArray:
    """SiLU on [-reach, reach] as a polynomial in powers of x."""
    fit = np.polynomial.Chebyshev.interpolate(
        lambda x: x / (1 + np.exp(-x)), degree, domain=(-reach, reach)
    )
    coefficients: FloatArray = fit.convert(kind=np.polynomial.Polynomial).coef
    return coefficients


def network_of(polynomial: nn.Polynomial, reach: float, kind: str = "linear") -> nn.Network:
    """A polynomial on values up to `reach`, behind layers of a kind, before a linear layer."""
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(2, 6, 6))
    weight *= reach / np.abs(weight).sum(axis=2).max() / (2 if kind == "sum" else 1)
    nodes = [
        nn.Node("front", nn.Linear(weight[0], np.zeros(6)), (INPUT,)),
        nn.Node("other", nn.Linear(weight[1], np.zeros(6)), (INPUT,)),
        nn.Node("sum", nn.Add(), ("front", "other")),
    ]
    before = {"linear": nodes[:1], "sum": nodes, "input": []}[kind]
    source = before[-1].name if before else INPUT
    fc = nn.Linear(rng.normal(size=(2, 6)), np.zeros(2))
    behind = [nn.Node("act", polynomial, (source,)), nn.Node("fc", fc, ("act",))]
    return nn.Network("high", (6,), (*before, *behind), (-1.0, 1.0))


def polynomial_of(stages: tuple[Stage, ...]) -> PolynomialStage:
    (found,) = [stage for stage in stages if isinstance(stage, PolynomialStage)]
    return found


@given(st.integers(3, 9), st.floats(0.01, 20), st.booleans(), st.integers(0, 2**32 - 1))
def test_rewrite__computes_the_same_function(
    degree: int, reach: float, shared: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(degree + 1,) if shared else (6, degree + 1))
    network = network_of(nn.Polynomial(coefficients), reach)
    images = rng.uniform(-1, 1, (5, 6))
    stages = rewrite(network)
    difference = np.abs(evaluate(stages, images)[stages[-1].name] - network(images))
    # Each product of parameters and values goes through fewer than 1000 roundings.
    size = (np.abs(coefficients) * reach ** np.arange(degree + 1)).sum(axis=-1).max()
    fc = network.node("fc").layer
    assert isinstance(fc, nn.Linear)
    assert (difference <= 1000 * 2.0**-53 * size * np.abs(fc.weight).sum(axis=1)).all()


@pytest.mark.parametrize("degree", [3, 7, 14, 30])
def test_rewrite__large_values_become_chebyshev_polynomials(degree: int) -> None:
    network = network_of(nn.Polynomial(silu_powers(degree, 8.0)), 8.0)
    stages = rewrite(network)
    found = polynomial_of(stages)
    assert (found.basis, found.degree) == ("chebyshev", degree)
    assert found.levels == degree.bit_length()
    front = stages[0]
    assert (front.scale == front.scale[0]).all()
    assert 1 - 1e-9 < front.max_abs.max() <= 1 + 1e-9


def test_rewrite__coefficients_are_those_of_the_powers() -> None:
    """x^k = 2^(1-k) sum_j binomial(k, (k - j) / 2) T_j over j of the parity of k, T_0 by half."""
    powers = silu_powers(7, 8.0)
    stages = rewrite(network_of(nn.Polynomial(powers), 8.0))
    radius = Fraction(1 / float(stages[0].scale[0]))
    expected = [Fraction(0)] * 8
    for k, c in enumerate(powers.tolist()):
        for j in range(k % 2, k + 1, 2):
            share = Fraction(2 * math.comb(k, (k - j) // 2), 2**k) / (1 if j else 2)
            expected[j] += Fraction(c) * radius**k * share
    found = polynomial_of(stages).coefficients
    # The terms reach 10^2 and cancel; the radius here went through two divisions.
    assert np.allclose(found, [float(c) for c in expected], rtol=0, atol=1e-11)


def test_rewrite__powers_stay_where_they_lose_less() -> None:
    assert polynomial_of(rewrite(network_of(nn.Polynomial([0, 0, 0, 1.0]), 8.0))).basis == "power"


@pytest.mark.parametrize(
    ("kind", "reach", "basis"),
    [("sum", 8.0, "power"), ("sum", 0.9, "chebyshev"), ("input", 1.0, "chebyshev")],
)
def test_rewrite__only_an_affine_stage_can_scale(kind: str, reach: float, basis: str) -> None:
    network = network_of(nn.Polynomial(silu_powers(14, 8.0)), reach, kind)
    assert polynomial_of(rewrite(network)).basis == basis


def test_rewrite__a_leading_integer_that_saves_a_level_stays() -> None:
    found = polynomial_of(rewrite(network_of(nn.Polynomial([0, 0.3, 0, 0, 1.0]), 3.0)))
    assert (found.basis, found.levels) == ("power", 2)


def test_rewrite__degree_2_is_left_to_completed_squares() -> None:
    stages = rewrite(network_of(nn.Polynomial([0.1, 0.5, 0.25]), 8.0))
    assert [type(stage).__name__ for stage in stages] == [
        "AffineStage", "SquareStage", "AffineStage",
    ]  # fmt: skip
