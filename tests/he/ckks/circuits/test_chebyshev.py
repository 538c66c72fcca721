"""Chebyshev series of high degree: least levels, and errors within the prediction."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

from he.ckks.circuits.chebyshev import evaluation_cost, evaluation_error
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.errors import ParameterError


@pytest.fixture(scope="module")
def deep(schemes):
    params = CKKSParameters.build(
        8, N=1024, scale_bits=40, dnum=9, integer_bits=8, insecure_reason="unit test"
    )
    return type(schemes("small"))(params)


def series(degree: int, kind: str, interval: tuple[float, float] = (-1.0, 1.0)) -> Polynomial:
    """A cosine of so many turns that the degree resolves it, or random coefficients."""
    if kind == "cosine":
        return Polynomial.interpolate(lambda x: np.cos(degree * x / 2), degree, interval)
    coefficients = np.random.default_rng(degree).uniform(-1, 1, degree + 1) / np.sqrt(degree)
    if kind == "odd":
        coefficients[::2] = 0.0
        coefficients[degree - (degree % 2 == 0)] = 0.25
    return Polynomial(coefficients, "chebyshev", interval)


@pytest.mark.parametrize("degree", [1, 2, 3, 7, 8, 15, 27, 31, 59, 63, 119])
@pytest.mark.parametrize("kind", ["random", "odd"])
def test_evaluation_cost__takes_the_fewest_levels_and_about_two_roots_of_products(
    degree, kind
) -> None:
    polynomial = series(degree, kind)
    cost = evaluation_cost(polynomial)
    assert cost.levels == polynomial.depth <= int(np.ceil(np.log2(degree + 1)))
    assert cost.relinearizations <= cost.products
    # Paterson and Stockmeyer: sqrt(2 d) + log2 d products for the best split, and some more.
    assert cost.products <= 2 * np.sqrt(2 * degree) + np.log2(degree + 1) + 1


@pytest.mark.parametrize("degree", [7, 27, 31, 63, 119])
@pytest.mark.parametrize("kind", ["random", "odd", "cosine"])
def test_polynomial__is_chebval_and_mpmath(degree, kind) -> None:
    polynomial = series(degree, kind, (-3.0, 5.0))
    x = np.linspace(-3, 5, 41)
    t = (x - 1) / 4
    coefficients = [float(c) for c in polynomial.coefficients]
    size = sum(map(abs, coefficients))
    assert np.abs(polynomial(x) - chebval(t, coefficients)).max() <= 1e-13 * degree * size
    with mpmath.workdps(50):
        exact = [
            sum(
                (c * mpmath.chebyt(k, mpmath.mpf(v)) for k, c in enumerate(coefficients)),
                mpmath.mpf(0),
            )
            for v in t[::8].tolist()
        ]
    assert np.abs(polynomial(x[::8]) - np.array(exact, float)).max() <= 1e-13 * degree**2 * size


@pytest.mark.parametrize(
    ("degree", "kind", "interval"),
    [
        (7, "random", (-1.0, 1.0)),
        (27, "odd", (-1.0, 1.0)),
        (31, "random", (-3.0, 5.0)),
        (31, "cosine", (-1.0, 1.0)),
        (63, "cosine", (-1.0, 1.0)),
        (63, "odd", (0.0, 2.0)),
        (119, "cosine", (-1.0, 1.0)),
        (119, "random", (-1.0, 1.0)),
    ],
)
def test_evaluation_error__holds_and_is_not_far_off(deep, degree, kind, interval) -> None:
    """No slot is off by more than the prediction, and the largest by more than a hundredth of it.

    The bound is the 2^-50 quantile of a distribution with the tails of an exponential, and 2,048
    slots reach 2^-11 of theirs: a factor 5. The worst input of the interval has up to 8 times the
    error of the others.
    """
    s, (low, high) = deep, interval
    polynomial = series(degree, kind, interval)
    level = s.params.max_level
    encoded = EncodedPolynomial(s.encoder, polynomial, level)
    evaluator = Evaluator(s.params, s.generator.evaluation_keys(s.secret, encoded.needs))
    worst = 0.0
    for seed in range(2):
        x = (low + high) / 2 + (high - low) / 2 * s.random(seed, real=True).real
        encrypted = s.encrypt(x)
        y = encoded.apply(evaluator, encrypted.ct)
        assert y.level == level - polynomial.depth
        assert y.scale == s.params.scales[y.level]
        worst = max(worst, float(np.abs(s.decrypt(y).real - polynomial(x)).max()))
    deviation = float(np.sqrt(encrypted.variance)) / encrypted.ct.scale
    bound = evaluation_error(s.params, polynomial, level, input_deviation=deviation)
    assert bound / 100 <= worst <= bound


def test_evaluation__takes_complex_coefficients(deep) -> None:
    """A real and an imaginary series at once: each has the error of its own."""
    s = deep
    real, imaginary = series(31, "random"), series(30, "odd")
    coefficients = [complex(float(c)) for c in real.coefficients]
    for k, c in enumerate(imaginary.coefficients):
        coefficients[k] += 1j * float(c)
    both = Polynomial(coefficients, "chebyshev")
    level = s.params.max_level
    encoded = EncodedPolynomial(s.encoder, both, level)
    evaluator = Evaluator(s.params, s.generator.evaluation_keys(s.secret, encoded.needs))
    encrypted = s.encrypt(s.random(5, real=True))
    difference = s.decrypt(encoded.apply(evaluator, encrypted.ct)) - both(encrypted.slots.real)
    deviation = float(np.sqrt(encrypted.variance)) / encrypted.ct.scale
    bound = sum(
        evaluation_error(s.params, part, level, input_deviation=deviation)
        for part in (real, imaginary)
    )
    assert max(np.abs(difference.real).max(), np.abs(difference.imag).max()) <= bound


def test_evaluation_error__refuses_what_it_does_not_predict(deep) -> None:
    with pytest.raises(ParameterError, match="Chebyshev basis"):
        evaluation_error(deep.params, Polynomial([0.0, 1.0]), 3)
    with pytest.raises(ParameterError, match="real coefficients"):
        evaluation_error(deep.params, Polynomial([0.0, 1j], "chebyshev"), 3)
    with pytest.raises(ParameterError, match="takes 5 levels"):
        evaluation_error(deep.params, series(27, "odd"), 4)
