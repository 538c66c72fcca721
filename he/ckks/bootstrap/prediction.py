"""The predicted error of a bootstrap: what each of its steps adds, and what later ones make of it.

Variances are those of `he.ckks.noise`, of real parts, in units of the values that slots stand for.
A matrix of the embedding is a unitary one times a number, which multiplies every variance by the
square of it. The cosine and its doublings multiply by their slopes, the largest over all overflows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.cosine import half_width, matrix_factors, sine_polynomials
from he.ckks.bootstrap.overflow import probability, standard_deviation
from he.ckks.bootstrap.steps import matrix_shifts, rotations, split_evenly, split_sums
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_noise import PolynomialNoise
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.noise import precision_bits, tail_factor
from he.ckks.scaled_levels import ScaledLevels

FloatArray = NDArray[np.float64]

DEFAULT_FAILURE_PROBABILITY = 2.0**-40

RARE = 2.0**-90
"""With this probability a part's error of a first pass is too large for the second."""


@dataclass(frozen=True)
class BootstrapError:
    """What a bootstrap adds to a slot's real part, or to its imaginary part.

    variance: of what is random; bound: of what is not, the cosine and the inverse sine.
    """

    variance: float
    bound: float

    def within(self, failure_probability: float = DEFAULT_FAILURE_PROBABILITY) -> float:
        """What the error of one slot exceeds with at most this probability."""
        result: float = tail_factor(failure_probability) * np.sqrt(self.variance) + self.bound
        return result


def _summed(variance: float, sums: int, switched: float) -> float:
    """The variance behind so many sums with a rotation: each doubles what was there, since its
    copies are independent, and adds that of a key switch.
    """
    for _ in range(sums):
        variance = 2 * variance + switched
    return variance


class Prediction:
    """Predicts the error of the bootstrap that a parameter set is made for."""

    def __init__(self, params: ScaledLevels, circuit: BootstrapCircuit) -> None:
        self._params = params
        self._circuit = circuit
        self._noise = params.noise_model
        self._steps = circuit.slots.bit_length() - 1
        self._ratio = params.modulus(0) / params.scales[0]
        self._sine_level = params.max_level - circuit.cts_levels

    @functools.cached_property
    def error(self) -> BootstrapError:
        """The error of a bootstrap of a message within `circuit.largest`."""
        once, circuit, params = self.pass_error, self._circuit, self._params
        if circuit.iterations == 1:
            return once
        # What the first pass is off by is found at the input's level, from a rounded copy; the sum
        # of both is rounded once more, and its factors before that.
        output = params.max_level - circuit.levels
        rounded = sum(
            self._noise.rounding / params.scales[level] ** 2
            for level in (circuit.input_level, output)
        )
        factor = 2.0**self.factor_bits
        constants = circuit.largest / params.scales[output + 1]
        return BootstrapError(
            once.variance / factor**2 + rounded, once.bound / factor + constants
        )

    @property
    def precision_bits(self) -> float:
        """Bits after the binary point that a slot is predicted to keep."""
        return precision_bits(self.error.within())

    @property
    def factor_bits(self) -> int:
        """log2 of what the second of two passes multiplies the first one's error by.

        The product is within `circuit.largest`, but with a probability of `RARE` for a part.
        """
        ratio = self._circuit.largest / self.pass_error.within(RARE)
        return max(0, math.floor(math.log2(ratio)))

    @functools.cached_property
    def pass_error(self) -> BootstrapError:
        """The error of one pass."""
        messages, at_zero, bias = self._approximation()
        reduced = self._reduced()
        combined = reduced if self._circuit.real else 2 * reduced
        if self._circuit.slots_first:
            early = self._dropped() + self._to_slots_early()
            return BootstrapError(early + self._hidden() + combined, messages)
        n = self._circuit.slots
        late = n * (combined + self._hidden()) + self._to_slots_late()
        # The cosine's own error is another one for each overflow: 2 n of them meet in a slot. Their
        # mean is a polynomial of equal coefficients, 4 n / pi in the slots next to zeta = 1.
        return BootstrapError(late + 2 * n * at_zero**2, messages + 4 * n / np.pi * abs(bias))

    def along_the_way(self) -> dict[str, float]:
        """The variance of a message's error that each step adds, by the name of the step."""
        circuit = self._circuit
        slope = half_width(circuit) * self._ratio
        before, reduced = self._input_of_sine() * slope**2, self._reduced()
        early = self._to_slots_early() if circuit.slots_first else self._to_slots_late()
        return {
            "SlotsToCoeffs": early,
            "ModRaise": self._hidden(),
            "CoeffsToSlots": before,
            "EvalMod": max(reduced - before, 0.0),
        }

    # ------------------------------------------------------------ CoeffsToSlots

    def _input_of_sine(self) -> float:
        """The variance of u."""
        params, noise, circuit = self._params, self._noise, self._circuit
        top = params.max_level
        early, late = split_sums(params.slots // circuit.slots)
        scale = params.scales[top]
        switched = noise.key_switch(top) / scale**2
        variance = _summed(switched, early, switched)
        scales = params.scales[self._sine_level :][::-1]
        factors = matrix_factors(circuit, scales, params.modulus(0), params.N)
        size = params.modulus(0) / scale * standard_deviation() * np.sqrt(2 * params.N)
        size *= 2 ** (early / 2)
        groups = split_evenly(self._steps, circuit.cts_levels)
        counts = self._rotations(groups[::-1], circuit.keys)[::-1]
        if circuit.keys != "fast":
            variance += switched
        for place, (steps, count) in enumerate(zip(groups, counts, strict=True)):
            level = top - place
            gain = factors[place] ** 2 / 2**steps
            variance = self._applied(variance, level, gain, 2 ** (steps + 1), size, count)
            size *= np.sqrt(gain)
        switched = noise.key_switch(self._sine_level) / params.scales[self._sine_level] ** 2
        return float(4 * _summed(variance, late, switched) + switched)

    def _rotations(self, groups: Sequence[int], keys: KeyKind) -> list[int]:
        """How many rounded rotations in a row lead to an input of each matrix, at most."""
        if keys != "small":
            return [int(keys == "medium")] * len(groups)
        return [
            len(rotations(shifts, self._params.slots, keys).babies) - 1
            for shifts in matrix_shifts(self._circuit.slots, groups)
        ]

    def _applied(
        self,
        variance: float,
        level: int,
        gain: float,
        diagonals: int,
        size: float,
        rotations: int,
    ) -> float:
        """The variance behind a matrix: rotated inputs, rounded diagonals, and a rescaling.

        Inputs of keys of their own are not rounded before their products; others are, after each
        of their `rotations`.
        """
        params, noise = self._params, self._noise
        scale = params.scales[level]
        switched = noise.switching(level)
        if rotations:
            switched = rotations * noise.key_switch(level)
        rotated = variance + switched / scale**2
        rounded = diagonals * noise.encoding * (size / scale) ** 2
        rescaled = noise.product_rescale(level) / params.scales[level - 1] ** 2
        return gain * rotated + rounded + rescaled

    # ------------------------------------------------------------ EvalMod

    def _reduced(self) -> float:
        """The largest variance of the reduced number over all overflows."""
        params, circuit = self._params, self._circuit
        level = self._sine_level
        K = half_width(circuit)
        values: FloatArray = np.arange(-circuit.interval, circuit.interval + 1) / K
        variance: FloatArray = np.full(values.shape, self._input_of_sine())
        for polynomial in sine_polynomials(circuit, self._ratio):
            steps = PolynomialCircuit(polynomial)
            noise = PolynomialNoise(steps, values)
            scales = PolynomialScales(params, steps, level)
            added = noise.added_variance(scales, self._noise)
            variance = noise.slope**2 * variance + added
            values = np.asarray(polynomial(values))
            level -= polynomial.depth
        return float(variance.max())

    def _approximation(self) -> tuple[float, float, float]:
        """What cosine and inverse sine are off by: for all messages, for zero, and in the mean of
        all overflows of zero.
        """
        circuit = self._circuit
        whole = np.arange(-circuit.interval, circuit.interval + 1)[:, None]
        # The squares of coefficients add up to the mean of the slots' squares, and what the Taylor
        # polynomial lacks is at least cubic: one coefficient has the largest error.
        largest = circuit.largest * (1.0 if circuit.slots_first else np.sqrt(2))
        messages = np.linspace(-largest, largest, 129)
        values = (whole + messages / self._ratio) / half_width(circuit)
        for polynomial in sine_polynomials(circuit, self._ratio):
            values = np.asarray(polynomial(values))
        errors = values - messages
        at_zero = errors[:, messages.size // 2]
        bias = sum(
            probability(int(count)) * error
            for count, error in zip(whole[:, 0], at_zero, strict=True)
        )
        return float(np.abs(errors).max()), float(np.abs(at_zero).max()), float(bias)

    # ------------------------------------------------------------ SlotsToCoeffs, level 0

    def _hidden(self) -> float:
        """The variance of a coefficient's error from the switch to the sparse secret."""
        slot = self._noise.key_switch(0) / self._params.scales[0] ** 2
        return 2 * slot / self._params.N

    def _dropped(self) -> float:
        """The variance of a slot's error from the way down to SlotsToCoeffs, with which each of two
        passes begins. One pass alone begins there.
        """
        if self._circuit.iterations == 1:
            return 0.0
        return self._noise.rounding / self._params.scales[self._circuit.stc_levels] ** 2

    def _to_slots_early(self) -> float:
        """The variance of a coefficient's error from SlotsToCoeffs at the lowest levels."""
        return 2 * self._to_slots(self._circuit.stc_levels, 1.0) / self._params.N

    def _to_slots_late(self) -> float:
        level = self._sine_level - self._circuit.cosine_levels
        return self._to_slots(level, 1 / np.sqrt(self._circuit.slots))

    def _to_slots(self, level: int, size: float) -> float:
        size *= np.sqrt(2) * self._circuit.largest
        variance = 0.0
        keys = self._circuit.stc_keys
        if keys != "fast":
            variance += self._noise.key_switch(level) / self._params.scales[level] ** 2
        groups = split_evenly(self._steps, self._circuit.stc_levels)
        for steps, count in zip(groups, self._rotations(groups, keys), strict=True):
            variance = self._applied(variance, level, 2.0**steps, 2 ** (steps + 1), size, count)
            size *= np.sqrt(2.0**steps)
            level -= 1
        return variance
