"""The errors of a batched network's answers at given values.

Each element of a tensor is a ciphertext of its own, with errors of its own. What they do to one
answer for one image is a derivative, and the derivatives of an answer by all elements come from one
pass backwards through the steps. So errors that several paths share are counted together: to the
first order this is the variance itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from he.ckks.params import CKKSParameters
from nn.batched.reals import Placed, RealAffine, factor_of, rounded
from nn.inference.level_noise import SQUARED_VARIANCE, LevelNoise
from nn.inference.worst_answers import all_deviations, worst_answers
from nn.network.layers import FloatArray
from nn.stages.typical import Growth


def deviations_at_images(
    params: CKKSParameters,
    places: Sequence[Placed],
    values: Sequence[FloatArray],
    growth: Sequence[Growth] | None = None,
    sizes: Sequence[FloatArray] | None = None,
) -> FloatArray:
    """The largest standard deviation of each answer's error over the points, (outputs,).

    values: what each step reads, (points, size): of images, or typical values. growth: of errors at
    images beyond errors at these values, for what each step reads, and for the answer; by default
    there is none. sizes: bounds (size,) on what each step reads; by default `values` themselves.
    """
    grown = growth or [Growth()] * (len(places) + 1)
    steps = [_step(params, place) for place in places]
    fresh = LevelNoise(params).fresh(params.max_level)
    variances = [np.full_like(values[0], fresh)]
    for step, x in zip(steps, values, strict=True):
        variances.append(step.forward(x, variances[-1]))
    answers, rows = worst_answers(variances[-1])
    derivatives = np.zeros((len(answers), variances[-1].shape[1]))
    derivatives[np.arange(len(answers)), answers] = 1.0
    total, shift = np.zeros(len(answers)), np.zeros(len(answers))
    grown = [one.of_answers(answers) for one in grown]
    for index in reversed(range(len(steps))):
        step, before, gains = steps[index], grown[index], grown[index + 1].gains
        x = values[index][rows]
        size = x if sizes is None else np.copysign(sizes[index], x)
        variance = variances[index][rows] * before.carried
        total += gains * step.added(size, variance, derivatives)
        shift += np.sqrt(gains) * step.shift(variance, derivatives)
        derivatives = step.backward(x, derivatives)
    total += grown[0].gains * fresh * np.sum(derivatives**2, axis=1)
    return all_deviations(variances[-1], answers, np.sqrt(total) + np.abs(shift))


def _step(params: CKKSParameters, place: Placed) -> _Affine | _Square:
    if isinstance(place.step, RealAffine):
        return _Affine.of(params, place)
    noise = LevelNoise(params)
    return _Square(0.0 if place.keeps_three_parts else noise.product(place.level))


@dataclass(frozen=True, eq=False)
class _Affine:
    """weights, misses: the matrix, and what rounding adds to it. noise: of each output."""

    weights: sparse.csr_array
    misses: sparse.csr_array
    noise: float

    @classmethod
    def of(cls, params: CKKSParameters, place: Placed) -> _Affine:
        assert isinstance(place.step, RealAffine)
        matrix = place.step.matrix
        factor, scale = factor_of(params, place)
        noise = LevelNoise(params).rounding(place.below) + 0.25 / scale**2
        if place.parts == 3:
            # Two divisions: the second also divides the error that the first adds.
            divided = params.scales[place.below] * params.quotient(place.level - 1, place.below)
            noise += params.noise_model.product_rescale(place.level) / divided**2
        return cls(matrix, rounded(matrix, factor) / factor - matrix, noise)

    def forward(self, x: FloatArray, variance: FloatArray) -> FloatArray:
        """The variances behind the step, (images, out), of independent errors."""
        carried = (self.weights.power(2) @ variance.T).T
        result: FloatArray = carried + self.noise + self._missed(x) + (self.misses @ x.T).T ** 2
        return result

    def added(self, x: FloatArray, variance: FloatArray, derivatives: FloatArray) -> FloatArray:
        """The variance that the step adds to answers with these derivatives by its output.

        x, variance: the input and the variance of its error, a row for each answer.
        """
        squares = derivatives**2
        # The errors of the weights are fixed numbers, which may all have one sign.
        together = np.sum(derivatives * (self.misses @ x.T).T, axis=1) ** 2
        total: FloatArray = np.sum(squares * (self.noise + self._missed(x)), axis=1) + together
        return total

    def shift(self, variance: FloatArray, derivatives: FloatArray) -> FloatArray:
        """The mean that the step adds to the answers: none."""
        return np.zeros(len(derivatives))

    def backward(self, x: FloatArray, derivatives: FloatArray) -> FloatArray:
        """The derivatives of the answers by the step's input."""
        result: FloatArray = (self.weights.T @ derivatives.T).T
        return result

    def _missed(self, x: FloatArray) -> FloatArray:
        result: FloatArray = (self.misses.power(2) @ x.T**2).T
        return result


@dataclass(frozen=True)
class _Square:
    """noise: of each output; its methods are those of an affine step."""

    noise: float

    def forward(self, x: FloatArray, variance: FloatArray) -> FloatArray:
        return 4 * x**2 * variance + 2 * variance**2 + self.noise

    def added(self, x: FloatArray, variance: FloatArray, derivatives: FloatArray) -> FloatArray:
        # (x + e)^2 = x^2 + 2 x e + e^2, and e^2 has a mean and a variance.
        own = self.noise + SQUARED_VARIANCE * variance**2
        result: FloatArray = np.sum(own * derivatives**2, axis=1)
        return result

    def shift(self, variance: FloatArray, derivatives: FloatArray) -> FloatArray:
        result: FloatArray = np.sum(variance * derivatives, axis=1)
        return result

    def backward(self, x: FloatArray, derivatives: FloatArray) -> FloatArray:
        return 2 * x * derivatives
