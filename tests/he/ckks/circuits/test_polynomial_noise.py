"""The error that a polynomial's evaluation is predicted to add, against what it adds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit, Sum, halves
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.circuits.polynomial_noise import PolynomialNoise
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters

bases = st.sampled_from(["power", "chebyshev"])
seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, degree: int, basis: str, size: int | None = None) -> Polynomial:
    rng = np.random.default_rng(seed)
    interval = (-1.0, 1.0) if seed % 3 else (-3.0, 5.0)
    coefficients = list(rng.uniform(-1, 1, (degree + 1, *(() if size is None else (size,)))))
    if seed % 5 == 0 and size is None:
        coefficients[degree] = -2.0
    return Polynomial(coefficients, basis, interval)


class Perturbed:
    """The circuit in the clear, with an error added at one of its rescalings: the slow twin."""

    def __init__(self, circuit: PolynomialCircuit, at: object, error: float) -> None:
        self.circuit, self.at, self.error = circuit, at, error

    def __call__(self, x: np.ndarray) -> np.ndarray:
        circuit = self.circuit
        elements = {1: circuit.stretch * (x - circuit.centre) + self._error(1)}
        for i in circuit.needed:
            if i > 1:
                a, b = halves(i)
                value = elements[a] * elements[b]
                if circuit.is_chebyshev:
                    value = 2 * value - (1 if a == b else elements[a - b])
                elements[i] = value + self._error(i)
        return self._sum(elements, circuit.total)

    def _sum(self, elements: dict[int, np.ndarray], part: Sum) -> np.ndarray:
        total = np.zeros(())
        for product in part.products:
            left = product.left
            value = self._sum(elements, left) if isinstance(left, Sum) else elements[left]
            total = total + product.multiplier * value * elements[product.right]
        for i, c in part.terms:
            total = total + c * elements[i]
        if part.constant is not None:
            total = total + part.constant
        return total + self._error(part)

    def _error(self, at: object) -> float:
        return self.error if at is self.at or at == self.at else 0.0


@given(seeds, st.integers(1, 16), bases)
def test_unit_variance__is_that_of_an_error_at_each_rescaling(seed, degree, basis) -> None:
    polynomial = draw(seed, degree, basis)
    circuit = PolynomialCircuit(polynomial)
    x = np.random.default_rng(seed).uniform(*polynomial.interval, 5)
    step, places = 1e-6, [1, *(i for i in circuit.needed if i > 1), *circuit.total.inner()]
    squares = np.zeros(5)
    for at in places:
        ahead, behind = (Perturbed(circuit, at, error)(x) for error in (step, -step))
        squares += ((ahead - behind) / (2 * step)) ** 2
    # Central differences err by step^2 times a third derivative, and by rounding over step.
    assert np.allclose(PolynomialNoise(circuit, x).unit_variance, squares, rtol=1e-5, atol=1e-6)


@given(seeds, st.integers(1, 30), bases)
def test_slope__is_the_derivative(seed, degree, basis) -> None:
    polynomial = draw(seed, degree, basis)
    low, high = polynomial.interval
    x = np.random.default_rng(seed).uniform(low, high, 7)
    c = [float(v) for v in polynomial.coefficients]
    kind = {"power": np.polynomial.Polynomial, "chebyshev": np.polynomial.Chebyshev}[basis]
    series = kind(c, domain=(low, high)) if basis == "chebyshev" else kind(c)
    noise = PolynomialNoise(PolynomialCircuit(polynomial), x)
    size = max(1.0, float(np.abs(series.deriv()(x)).max()))
    assert np.allclose(noise.slope, series.deriv()(x), rtol=0, atol=1e-9 * size)


@given(seeds, st.integers(1, 20), bases)
def test_bounds__hold_for_all_values_within_them(small, seed, degree, basis) -> None:
    polynomial = draw(seed, min(degree, 15), basis)
    circuit = PolynomialCircuit(polynomial)
    rng = np.random.default_rng(seed)
    largest = rng.uniform(0, 1.5, 6)
    x = rng.uniform(-1, 1, (9, 6)) * largest
    scales = PolynomialScales(small.params, circuit, max(4, polynomial.depth))
    noise = small.noise
    exact, bound = PolynomialNoise(circuit, x), PolynomialNoise(circuit, largest, bounds=True)
    slack = 1 + 1e-9
    assert (np.abs(exact.slope) <= bound.slope * slack).all()
    assert (exact.unit_variance <= bound.unit_variance * slack).all()
    if polynomial.depth <= small.params.max_level:
        added = exact.added_variance(scales, noise)
        assert (added <= bound.added_variance(scales, noise) * slack).all()


@pytest.fixture(scope="module")
def deep(schemes):
    params = CKKSParameters.build(
        6, N=1024, scale_bits=34, dnum=7, integer_bits=12, insecure_reason="unit test"
    )
    return type(schemes("small"))(params)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def fitted(degree: int, reach: float, basis: str) -> Polynomial:
    fit = Polynomial.interpolate(sigmoid, degree, (-reach, reach))
    if basis == "chebyshev":
        return fit
    series = np.polynomial.Chebyshev([float(c) for c in fit.coefficients], domain=fit.interval)
    return Polynomial(series.convert(kind=np.polynomial.Polynomial).coef)


@pytest.mark.parametrize("basis", ["power", "chebyshev"])
@pytest.mark.parametrize("degree", [2, 3, 5, 8, 14])
@pytest.mark.parametrize("kind", ["fitted on [-4, 4]", "slots", "integer leader"])
def test_added_variance__is_what_is_measured(deep, basis: str, degree: int, kind: str) -> None:
    """The mean over 8 encryptions in 512 slots of the squared error over its prediction is 1.

    The squared error of a slot is that of a Gaussian times the size of the secret there, which is
    exponential over the slots: over 8 encryptions the mean has the variance 2 (1 + 2 / 8) - 1. So
    the mean deviates by less than 0.27, five times sqrt(1.5 / 512).
    """
    s = deep
    rng = np.random.default_rng(degree)
    reach = 4.0 if kind.startswith("fitted") else 1.0
    if kind.startswith("fitted"):
        polynomial = fitted(degree, reach, basis)
    elif kind == "slots":
        polynomial = Polynomial(list(rng.uniform(-1, 1, (degree + 1, s.params.slots))), basis)
    else:
        polynomial = Polynomial([*rng.uniform(-1, 1, degree), 2.0], basis)
    level = s.params.max_level
    encoded = EncodedPolynomial(s.encoder, polynomial, level)
    evaluator = Evaluator(s.params, s.generator.evaluation_keys(s.secret, encoded.needs))
    circuit = PolynomialCircuit(polynomial)
    ratios = []
    for seed in range(8):
        x = reach * s.random(1000 * degree + seed, real=True).real
        encrypted = s.encrypt(x)
        error = s.decrypt(encoded.apply(evaluator, encrypted.ct)).real - polynomial(x)
        noise = PolynomialNoise(circuit, x)
        fresh = encrypted.variance / encrypted.ct.scale**2
        scales = PolynomialScales(s.params, circuit, level)
        predicted = noise.slope**2 * fresh + noise.added_variance(scales, s.noise)
        ratios.append(np.mean(error**2 / predicted))
    assert abs(np.mean(ratios) - 1) < 0.27


def test_unit_variance__powers_beyond_1_and_terms_that_cancel_cost_bits() -> None:
    """Degree 14 on [-8, 8] loses more than 30 bits in powers, and none in Chebyshev polynomials."""
    x = np.linspace(-8, 8, 33)
    lost = {
        basis: np.log2(
            PolynomialNoise(PolynomialCircuit(fitted(14, 8.0, basis)), x).unit_variance.max()
        )
        / 2
        for basis in ("power", "chebyshev")
    }
    assert lost["power"] > 30
    assert lost["chebyshev"] < 2
