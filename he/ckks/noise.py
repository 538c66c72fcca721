"""Predicted and measured error of CKKS operations, in the slots.

Predictions are variances of the real part of a slot's error *before* division by the scale, under
the usual heuristics: coefficients of an error polynomial are independent, so a polynomial of
coefficient variance V has slots of variance N V, half of it in the real part (Costache, Curtis,
Hales, Murphy, Ogilvie, Player, "On the precision loss in approximate homomorphic encryption", SAC
2023). The secret is uniform ternary, of variance 2/3.
"""

from __future__ import annotations

import math

import numpy as np

from he.rlwe.params import RLWEParameters
from he.validation import instance, whole_number

_SECRET_VARIANCE = 2 / 3
_ROUNDING = 1 / 12


def tail_factor(failure_probability: float) -> float:
    """How many standard deviations a slot error exceeds with at most this probability.

    A rounding error meets the secret in one slot, s(zeta), which is complex Gaussian over the
    choice of keys; their product has Laplace tails, Pr[|x| > t sigma] = exp(-sqrt(2) t), heavier
    than those of the Gaussian terms it is added to.
    """
    return math.log(1 / failure_probability) / math.sqrt(2)


class NoiseModel:
    """Slot variances (real part, unscaled) of what each operation of a parameter set adds.

    `CKKSParameters.noise_model` is the one of a parameter set.
    """

    def __init__(self, params: RLWEParameters) -> None:
        self.params = instance(params, RLWEParameters, "the parameter set of a noise model")
        self._N = params.N

    def _slots(self, coefficient_variance: float) -> float:
        return self._N * coefficient_variance / 2

    @property
    def encoding(self) -> float:
        """Rounding a plaintext's coefficients."""
        return self._slots(_ROUNDING)

    @property
    def fresh_symmetric(self) -> float:
        """Encryption with the secret key: one Gaussian."""
        return self._slots(self.params.sigma**2)

    @property
    def fresh_public(self) -> float:
        """Encryption with the public key in Q p, divided by p: v e + e_0 + e_1 s, and a rounding.

        p is the first special prime.
        """
        inner = self.params.sigma**2 * (1 + 2 * self._N * _SECRET_VARIANCE)
        return self._slots(inner / self.params.p[0] ** 2) + self.rounding

    @property
    def rounding(self) -> float:
        """One division (mod_down or rescale) of a ciphertext: r_0 + r_1 s."""
        return self._slots(_ROUNDING * (1 + self._N * _SECRET_VARIANCE))

    def switching(self, level: int) -> float:
        """The gadget product's error divided by P, without the rounding of that division.

        Digit j is a sum of one centred uniform term a prime, together of variance
        limbs D_j^2 / 12, times a Gaussian error.
        """
        total = 0.0
        level = whole_number(level, "level", 0, self.params.max_level)
        primes, P = self.params.primes(level), self.params.special_modulus(level)
        for rows in self.params.digit_rows(level):
            ratio = math.prod(primes[r] for r in rows) / P
            total += len(rows) * ratio**2 / 12
        return self._slots(self._N * self.params.sigma**2 * total)

    def key_switch(self, level: int) -> float:
        """A rotation, conjugation or relinearization at `level`."""
        return self.switching(level) + self.rounding

    def product_rescale(self, level: int) -> float:
        """What `relinearize_rescale` adds at level - 1: switching noise is divided, too."""
        return self.switching(level) / self.params.divisors[level] ** 2 + self.rounding


def precision_bits(error: float, reference: float = 1.0) -> float:
    """Bits after the binary point of values of size `reference` known to within `error`.

    An infinite error, or a reference of 0, leaves minus infinity.
    """
    if error == 0:
        return math.inf
    if reference == 0 or not math.isfinite(error):
        return -math.inf
    return -math.log2(error / reference)


def measured_error(decrypted: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute slot error of a decryption, real and imaginary parts apart."""
    difference = np.asarray(decrypted) - np.asarray(expected)
    return float(max(np.abs(difference.real).max(), np.abs(difference.imag).max()))
