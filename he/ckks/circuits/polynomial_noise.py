"""What the evaluation of a polynomial adds to the error of its input, to the first order.

Every product and every sum of the circuit ends in a rescaling. Its error reaches the result along
all ways that lead there, and the sum over the ways is a derivative: that of the result by the basis
element, or by the sum, taken backwards through the circuit. So an error that several terms share is
counted with all of them at once, signs included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from he.ckks.circuits.polynomial_circuit import PolynomialCircuit, Sum, halves
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.noise import NoiseModel

FloatArray = NDArray[np.float64]

_ROUNDED_NUMBER = 0.25
"""The largest square of the error of a rounded number."""


@dataclass(frozen=True, eq=False)
class RescalingWeights:
    """Squares of derivatives: what multiplies the variance of each error within a polynomial.

    The errors are those of the rescaled basis elements, of the rescaled sums, and of the rounded
    coefficients and numbers that multiply basis elements. Arrays of one shape, or sums over them.
    """

    circuit: PolynomialCircuit
    elements: dict[int, FloatArray]
    sums: dict[Sum, FloatArray]
    terms: dict[tuple[Sum, int], FloatArray]
    numbers: dict[int, FloatArray]

    def summed(self, weights: FloatArray) -> RescalingWeights:
        """The sums over the last axis with these weights, for a sum of independent results."""
        return self._mapped(lambda square: np.sum(weights * square, axis=-1))

    def largest(self) -> RescalingWeights:
        """The largest of the first axis, of each weight for itself."""
        return self._mapped(lambda square: np.max(square, axis=0))

    def _mapped(self, function: Callable[[FloatArray], FloatArray]) -> RescalingWeights:
        return RescalingWeights(
            self.circuit,
            {i: function(square) for i, square in self.elements.items()},
            {part: function(square) for part, square in self.sums.items()},
            {term: function(square) for term, square in self.terms.items()},
            {i: function(square) for i, square in self.numbers.items()},
        )

    def variance(self, scales: PolynomialScales, noise: NoiseModel) -> FloatArray:
        """The variance that the evaluation adds under a parameter set, in units of the value."""
        circuit = self.circuit
        total = self._of_sum(circuit.total, scales.total, scales, noise)
        if circuit.is_stretched:
            number = _ROUNDED_NUMBER * self.numbers[1]
            total = total + (self.elements[1] * noise.rounding + number) / scales.element(1) ** 2
        for i in circuit.needed:
            if i == 1:
                continue
            a, b = halves(i)
            level = scales.level(circuit.height(i) + 1)
            rescaled = noise.product_rescale(level)
            total = total + self.elements[i] * rescaled / scales.element(i) ** 2
            if circuit.is_chebyshev:
                unit = 1.0 if a == b else scales.element_at(a - b, level)
                rounded = unit / (scales.element_at(a, level) * scales.element_at(b, level))
                total = total + self.numbers[i] * _ROUNDED_NUMBER * rounded**2
        for i, level in scales.moves():
            # The rounding of a change to a modulus of other primes.
            total = total + self.elements[i] * noise.rounding / scales.element_at(i, level) ** 2
        return total

    def _of_sum(
        self, part: Sum, scale: float, scales: PolynomialScales, noise: NoiseModel
    ) -> FloatArray:
        """What a sum at `scale`, and all sums below it, add to the result."""
        level = scales.level(part.height)
        rescaling = noise.product_rescale(level) if part.products else noise.rounding
        total = self.sums[part] * rescaling / (scale / scales.params.divisors[level]) ** 2
        for i, c in part.terms:
            factor = scale / scales.element_at(i, level)
            total = total + self.terms[part, i] * _rounded(c, noise) / factor**2
        if part.constant is not None:
            total = total + self.sums[part] * _rounded(part.constant, noise) / scale**2
        for product in part.products:
            if isinstance(product.left, Sum):
                above = scales.quotient(part.height, scale, product.right)
                total = total + self._of_sum(product.left, above, scales, noise)
        return total


class PolynomialNoise:
    """The errors of a circuit with real coefficients at the values x.

    x: real values, of a shape that broadcasts with the coefficients'. With `bounds`, x holds bounds
    on absolute values, and the results are bounds for all values within them. slope: the derivative
    of the polynomial at x. weights: what multiplies the errors of the evaluation.
    """

    def __init__(self, circuit: PolynomialCircuit, x: FloatArray, *, bounds: bool = False) -> None:
        self.circuit = circuit
        self._bounds = bounds
        self._elements = {1: self._mapped(x)}
        for i in circuit.needed:
            if i > 1:
                self._elements[i] = self._element(i)
        self._sums: dict[Sum, FloatArray] = {}
        self._value(circuit.total)
        # Derivatives of the result by every sum and by every basis element, from the result back.
        self._by_sum = {circuit.total: np.ones_like(self._elements[1])}
        self._by_element = {i: np.zeros_like(value) for i, value in self._elements.items()}
        for part in circuit.total.inner():
            self._into_sum(part)
        for i in reversed(circuit.needed):
            if i > 1:
                self._into_element(i)
        self.slope: FloatArray = self._by_element[1] * circuit.stretch
        self.weights = self._weights()

    @property
    def unit_variance(self) -> FloatArray:
        """The variance of the result if every rescaling has an error of variance 1, like x's."""
        squares = [*self.weights.sums.values(), *self.weights.elements.values()]
        result: FloatArray = np.sum(squares, axis=0)
        return result

    def added_variance(self, scales: PolynomialScales, noise: NoiseModel) -> FloatArray:
        """The variance that the evaluation adds under a parameter set, in units of the value."""
        return self.weights.variance(scales, noise)

    def _weights(self) -> RescalingWeights:
        circuit = self.circuit
        elements = {i: derivative**2 for i, derivative in self._by_element.items()}
        sums = {part: derivative**2 for part, derivative in self._by_sum.items()}
        terms = {
            (part, i): squared * self._elements[i] ** 2
            for part, squared in sums.items()
            for i, _ in part.terms
        }
        # Numbers that multiply: the stretch the input, and what T_i subtracts T_(a-b).
        numbers = {1: elements[1] * (self._elements[1] / circuit.stretch) ** 2}
        for i in circuit.needed:
            if i > 1:
                a, b = halves(i)
                factor = 1.0 if a == b else self._elements[a - b] ** 2
                numbers[i] = elements[i] * factor
        return RescalingWeights(circuit, elements, sums, terms, numbers)

    # ------------------------------------------------------------ forward

    def _mapped(self, x: FloatArray) -> FloatArray:
        circuit = self.circuit
        shapes = [np.shape(c) for c in circuit.polynomial.coefficients]
        x = np.broadcast_to(x, np.broadcast_shapes(np.shape(x), *shapes))
        if not self._bounds:
            result: FloatArray = circuit.stretch * (x - circuit.centre)
            return result
        reach: FloatArray = circuit.stretch * (np.abs(x) + abs(circuit.centre))
        # |T_i| is at most 1 within the interval, and grows beyond it.
        return np.maximum(reach, 1.0) if circuit.is_chebyshev else reach

    def _element(self, i: int) -> FloatArray:
        a, b = halves(i)
        product = self._elements[a] * self._elements[b]
        if not self.circuit.is_chebyshev:
            return product
        return 2 * product - (1.0 if a == b else self._elements[a - b])

    def _value(self, part: Sum) -> FloatArray:
        total = np.zeros_like(self._elements[1])
        for product in part.products:
            left = product.left
            value = self._value(left) if isinstance(left, Sum) else self._elements[left]
            total = total + self._signed(product.multiplier) * value * self._elements[product.right]
        for i, c in part.terms:
            total = total + self._signed(c) * self._elements[i]
        if part.constant is not None:
            total = total + self._signed(part.constant)
        self._sums[part] = total
        return total

    # ------------------------------------------------------------ backward

    def _into_sum(self, part: Sum) -> None:
        """Hand the derivative by a sum on to its factors and terms."""
        derivative = self._by_sum[part]
        for product in part.products:
            left, multiplied = product.left, self._signed(product.multiplier) * derivative
            by_left = multiplied * self._elements[product.right]
            if isinstance(left, Sum):
                self._by_sum[left] = by_left
                value = self._sums[left]
            else:
                self._by_element[left] = self._by_element[left] + by_left
                value = self._elements[left]
            self._by_element[product.right] = self._by_element[product.right] + multiplied * value
        for i, c in part.terms:
            self._by_element[i] = self._by_element[i] + self._signed(c) * derivative

    def _into_element(self, i: int) -> None:
        """Hand the derivative by a basis element on to the elements that it is made from."""
        a, b = halves(i)
        factor = 2.0 if self.circuit.is_chebyshev else 1.0
        derivative = factor * self._by_element[i]
        self._by_element[a] = self._by_element[a] + derivative * self._elements[b]
        self._by_element[b] = self._by_element[b] + derivative * self._elements[a]
        if self.circuit.is_chebyshev and a != b:
            sign = 1.0 if self._bounds else -1.0
            self._by_element[a - b] = self._by_element[a - b] + sign * self._by_element[i]

    def _signed(self, c: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.abs(c) if self._bounds else np.asarray(c)


def _rounded(c: NDArray[np.float64], noise: NoiseModel) -> float:
    """The variance of the error of an encoded coefficient: of a number, or of a vector of slots."""
    return noise.encoding if c.ndim else _ROUNDED_NUMBER
