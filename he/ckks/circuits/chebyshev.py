"""Chebyshev series of high degree on ciphertexts: what they cost, and how far they can be off.

``Polynomial(coefficients, "chebyshev", interval)`` is the series, `EncodedPolynomial` evaluates it
by baby steps and giant steps in ``ceil(log2(degree + 1))`` levels. This file says in advance what
the evaluation costs and how large its error is anywhere in the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_noise import PolynomialNoise
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.noise import tail_factor
from he.ckks.params import CKKSParameters
from he.errors import ParameterError

_POINTS_PER_DEGREE = 4


@dataclass(frozen=True)
class EvaluationCost:
    """What the evaluation of a polynomial takes: levels, products, and their relinearizations."""

    levels: int
    products: int
    relinearizations: int


def evaluation_cost(polynomial: Polynomial) -> EvaluationCost:
    """The cost of a polynomial of degree 1 or more; products of one sum share a relinearization."""
    circuit = PolynomialCircuit(polynomial)
    elements = sum(i > 1 for i in circuit.needed)
    sums = [part for part in circuit.total.inner() if part.products]
    products = elements + sum(len(part.products) for part in sums)
    return EvaluationCost(polynomial.depth, products, elements + len(sums))


def evaluation_error(
    params: CKKSParameters,
    polynomial: Polynomial,
    level: int,
    *,
    input_deviation: float = 0.0,
    failure_probability: float = 2.0**-50,
) -> float:
    """What the error of a slot's real part exceeds with at most this probability, for any input.

    polynomial: with real coefficients in the Chebyshev basis. level: that of the ciphertext.
    input_deviation: the standard deviation of the ciphertext's own error, in units of the value.
    Inputs are real values within the interval.

    To the first order the variance of the error is a polynomial of the input, of twice the degree
    at most. Among the values at 4 m Chebyshev points, for a degree m, the largest is at least
    cos(pi / 8) times the largest of the interval (Ehlich and Zeller, Math. Z. 86, 1964).

    Raises `ParameterError` for the power basis, for complex coefficients and for too low a level.
    """
    if polynomial.basis != "chebyshev":
        raise ParameterError(
            "the error over an interval needs a polynomial in the Chebyshev basis of the interval"
        )
    if any(np.iscomplexobj(c) for c in polynomial.coefficients):
        raise ParameterError("the error over an interval needs real coefficients")
    if level < polynomial.depth:
        raise ParameterError(
            f"level {level}: a polynomial of degree {polynomial.degree} takes "
            f"{polynomial.depth} levels"
        )
    circuit = PolynomialCircuit(polynomial)
    count = _POINTS_PER_DEGREE * 2 * polynomial.degree
    low, high = polynomial.interval
    nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)[:, None]
    noise = PolynomialNoise(circuit, (low + high) / 2 + (high - low) / 2 * nodes)
    scales = PolynomialScales(params, circuit, level)
    added = noise.added_variance(scales, params.noise_model)
    variance = noise.slope**2 * input_deviation**2 + added
    largest = float(variance.max()) / math.cos(math.pi / (2 * _POINTS_PER_DEGREE))
    return tail_factor(failure_probability) * math.sqrt(largest)
