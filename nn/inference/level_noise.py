"""`LevelNoise`: what each operation adds to the error of a value, at the level where it runs."""

from __future__ import annotations

import functools

from he.ckks.bootstrap.prediction import Prediction
from he.ckks.params import CKKSParameters

SQUARED_VARIANCE = 5.0
"""The variance of the square of a Laplace variable of variance 1; a Gaussian's is 2."""


class LevelNoise:
    """Variances of errors under a parameter set, in units of the value, squared.

    `he.ckks.noise` has the same variances before the division by the scale.
    """

    def __init__(self, params: CKKSParameters) -> None:
        self.params = params
        self._model = params.noise_model

    def fresh(self, level: int) -> float:
        """A symmetric encryption, with the encoding of the image."""
        return self._at(self._model.fresh_symmetric + self._model.encoding, level)

    def encoding(self, level: int) -> float:
        """A vector of slots, encoded at the scale of `level`."""
        return self._at(self._model.encoding, level)

    def number(self, level: int) -> float:
        """A number, rounded at the scale of `level`: the largest square of its error."""
        return self._at(0.25, level)

    def rounding(self, level: int) -> float:
        """A division that leads to `level`."""
        return self._at(self._model.rounding, level)

    def key_switch(self, level: int) -> float:
        """A rotation at `level`."""
        return self._at(self._model.key_switch(level), level)

    def product(self, level: int) -> float:
        """A product at `level`, relinearized, and divided down to the level below."""
        return self._at(self._model.product_rescale(level), level - 1)

    def bootstrap(self, level: int) -> float:
        """A bootstrap that begins at `level`; what is not random in it counts as if it were."""
        return self._bootstrap

    @functools.cached_property
    def _bootstrap(self) -> float:
        assert self.params.bootstrap is not None
        error = Prediction(self.params, self.params.bootstrap).error
        return error.variance + error.bound**2

    def weights(self, level: int, power: int, period: int) -> float:
        """A diagonal that repeats with `period` slots, for values at scales[level]^power.

        It has 2 `period` coefficients that are rounded.
        """
        variance = self._model.encoding * 2 * period / self.params.N
        return variance / self.params.factor_scale(level, power) ** 2

    def baby_steps(self, level: int, power: int) -> float:
        """A key switch without the rounding of its division, for values at scales[level]^power."""
        return self._model.switching(level) / self.params.scales[level] ** (2 * power)

    def divided_baby_steps(self, level: int, power: int) -> float:
        """A key switch with the rounding of its division, for values at scales[level]^power."""
        return self._model.key_switch(level) / self.params.scales[level] ** (2 * power)

    def square(self, level: int) -> float:
        """A square at `level`, relinearized and not rescaled."""
        return self._model.key_switch(level) / self.params.scales[level] ** 4

    def moved_square(self, level: int, source: int) -> float:
        """The integer factor that brings a square at level `source` to `level`, as `number`."""
        factor, _ = self.params.last_factor(self.params.scales[source] ** 2, source, level)
        return 0.25 / factor**2

    def _at(self, variance: float, level: int) -> float:
        return variance / self.params.scales[level] ** 2
