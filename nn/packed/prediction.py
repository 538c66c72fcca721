"""Error variances through a packed network, element by element, before any key exists.

Every method maps the variance of each element's error at the input of a stage to the variance at
its output, in units of the value, squared. `he.ckks.noise` has what each operation adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_noise import PolynomialNoise
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.noise import NoiseModel
from he.ckks.params import CKKSParameters
from nn.network.layers import FloatArray
from nn.packed.packing import PackedAffine
from nn.stages.affine import Affine


@dataclass(frozen=True)
class Errors:
    """The errors of a tensor's elements: `variance` (size,), in units of the value, squared."""

    variance: FloatArray

    def standard_deviation(self) -> FloatArray:
        """The square root of the variance, (size,)."""
        result: FloatArray = np.sqrt(self.variance)
        return result


class ErrorPredictor:
    """How the operations of a parameter set carry errors and add to them."""

    def __init__(self, params: CKKSParameters) -> None:
        self.params = params
        self.noise = NoiseModel(params)

    def fresh(self, size: int) -> Errors:
        """The errors of a symmetric encryption at the top level."""
        scale = self.params.scales[-1]
        return Errors(
            np.full(size, (self.noise.fresh_symmetric + self.noise.encoding) / scale**2)
        )

    def affine(
        self, errors: Errors, affine: Affine, packed: PackedAffine, level: int, rms: FloatArray
    ) -> Errors:
        """The errors behind an affine map at `level`; rms (in size,) bounds the size of the inputs.

        The weights multiply the input's error and the error of the baby rotations. The encoding
        error of each diagonal multiplies the input. The division at the end rounds, and each fold
        doubles the variance and adds a key switch.
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
        """The errors of y^2 at `level` for |y| <= largest (size,)."""
        variance = errors.variance
        added = self.noise.product_rescale(level) / self.params.scales[level - 1] ** 2
        return Errors(4 * largest**2 * variance + 2 * variance**2 + added)

    def polynomial(
        self, errors: Errors, level: int, polynomial: Polynomial, largest: FloatArray
    ) -> Errors:
        """The errors of p(y) for |y| <= largest (size,), evaluated from `level` on."""
        circuit = PolynomialCircuit(polynomial)
        noise = PolynomialNoise(circuit, largest, bounds=True)
        scales = PolynomialScales(self.params, circuit, level)
        added = noise.added_variance(scales, self.noise)
        return Errors(noise.slope**2 * errors.variance + added)

    def add(self, errors: list[Errors]) -> Errors:
        """The errors of a sum: variances add."""
        total: FloatArray = np.sum([e.variance for e in errors], axis=0)
        return Errors(total)

    def drop(self, errors: Errors, level: int, largest: FloatArray) -> Errors:
        """The errors behind `drop_to` a lower `level`: a rounding, and a rounded integer factor."""
        rounding = self.noise.rounding / self.params.scales[level] ** 2
        factor = (0.5 / self.params.scales[level]) ** 2
        return Errors(errors.variance + rounding + largest**2 * factor)
