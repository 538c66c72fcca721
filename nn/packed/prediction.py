"""Error variances through a packed network, element by element, before any key exists.

Every function maps the variance of each element's error (value units, squared) at the input of a
step to that at its output. What the operations themselves add comes from `he.ckks.noise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from he.ckks.noise import NoiseModel
from he.ckks.params import CKKSParameters
from nn.network.layers import FloatArray
from nn.packed.packing import PackedAffine
from nn.stages.affine import Affine


@dataclass(frozen=True)
class Errors:
    """The error of a tensor's elements: `variance` (size,), in value units squared."""

    variance: FloatArray

    def standard_deviation(self) -> FloatArray:
        """Square root of the variance, (size,)."""
        result: FloatArray = np.sqrt(self.variance)
        return result


class ErrorPredictor:
    """How a parameter set's operations carry errors along."""

    def __init__(self, params: CKKSParameters) -> None:
        self.params = params
        self.noise = NoiseModel(params)

    def fresh(self, size: int) -> Errors:
        """A symmetric encryption at the top level."""
        scale = self.params.scales[-1]
        return Errors(
            np.full(size, (self.noise.fresh_symmetric + self.noise.encoding) / scale**2)
        )

    def affine(
        self, errors: Errors, affine: Affine, packed: PackedAffine, level: int, rms: FloatArray
    ) -> Errors:
        """An affine map at `level`, packed as `packed`; rms (in size,) bounds the inputs' size.

        The input's error and that of the baby rotations meet the weights; the weights' encoding
        error meets the input once a diagonal; the closing division rounds, and each fold doubles
        what it finds and adds a key switch.
        """
        noise, scales = self.noise, self.params.scales
        above, below = scales[level] ** 2, scales[level - 1] ** 2
        weights = affine.matrix.power(2)
        carried = weights @ (errors.variance + noise.switching(level) / above)
        diagonals = packed.diagonals / packed.out_layout.ciphertexts
        encoding = diagonals * float(np.mean(rms**2)) * noise.encoding / above
        # The giant steps and the division are rounded while a factor q_level still multiplies the
        # message; only the division's own rounding counts.
        added = (noise.rounding + noise.encoding) / below
        for _ in packed.folds:
            added = 2 * added + noise.key_switch(level - 1) / below
        return Errors(carried + encoding * 2 ** len(packed.folds) + added)

    def square(self, errors: Errors, level: int, largest: FloatArray) -> Errors:
        """y^2 at `level` for |y| <= largest (size,)."""
        variance = errors.variance
        added = self.noise.product_rescale(level) / self.params.scales[level - 1] ** 2
        return Errors(4 * largest**2 * variance + 2 * variance**2 + added)

    def polynomial(
        self, errors: Errors, level: int, levels: int, coefficients: FloatArray, largest: FloatArray
    ) -> Errors:
        """sum_k c_k y^k for |y| <= largest, in `levels` levels from `level` on.

        The derivative's bound carries the input's error; each level's rounding is carried by at
        most the same bound or by 1, whichever is larger.
        """
        powers = np.arange(coefficients.shape[-1])
        table = np.abs(np.broadcast_to(coefficients, (largest.size, powers.size)))
        reach = np.maximum(largest, 1.0)[:, None]
        slope = np.sum(table[:, 1:] * powers[1:] * reach ** (powers[1:] - 1), axis=1)
        bottom = self.params.scales[level - levels] ** 2
        added = levels * self.noise.product_rescale(level) / bottom * np.maximum(slope, 1) ** 2
        return Errors(slope**2 * errors.variance + added)

    def add(self, errors: list[Errors]) -> Errors:
        """A sum."""
        total: FloatArray = np.sum([e.variance for e in errors], axis=0)
        return Errors(total)

    def drop(self, errors: Errors, level: int, largest: FloatArray) -> Errors:
        """`drop_to` a lower `level`: a rounding, and the rounded integer factor."""
        rounding = self.noise.rounding / self.params.scales[level] ** 2
        factor = (0.5 / self.params.scales[level]) ** 2
        return Errors(errors.variance + rounding + largest**2 * factor)
