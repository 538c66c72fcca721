"""Noise of BFV ciphertexts: what every operation is predicted to add.

The invariant noise v of a ciphertext is defined by ``(t / Q) ct(s) = m + v + t k`` with integer m
and k; it decrypts correctly while ``|v| < 1/2`` in every coefficient, and the noise budget is
``-log2(2 max |v|)`` bits (SEAL's definition).

Predictions are of the root mean square of v's coefficients. Sums add them, whatever the
correlation; a plaintext multiplies them by at most the largest absolute value of its embeddings.
Products of ciphertexts take the coefficients of either factor as independent, which they are but
for the secret: s^k has k times the variance of s^(k-1) times an independent secret (Biasioli,
Marcolla, Calderini, Mono, ePrint 2023/600), so every noise carries the power of s in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from he.rlwe.params import MAX_PRIMES
from he.rlwe.sampling import STANDARD_SIGMA
from he.validation import instance, items_of, real_number, whole_number
from ntt.modulus import MAX_MODULUS_BITS, MAX_RING_DEGREE

_SECRET_VARIANCE = 2 / 3
_ROUNDING = 1 / 12
TAIL_BITS = 3
"""The largest coefficient is taken as 2^3 times the root mean square: conditioned on the keys the
coefficients are close to Gaussian, so any of 2^15 exceeds it with probability below 2^-29."""


@dataclass(frozen=True)
class Noise:
    """bits: log2 of the root mean square of the invariant noise; degree: powers of s in it.

    Raises `ParameterError` for what are no numbers.
    """

    bits: float
    degree: int

    def __post_init__(self) -> None:
        bits = real_number(self.bits, "the bits of a noise")
        if type(self.bits) is not float:
            object.__setattr__(self, "bits", bits)
        if type(self.degree) is not int or self.degree < 0:
            degree = whole_number(self.degree, "the degree of a noise", 0)
            object.__setattr__(self, "degree", degree)

    @property
    def budget(self) -> float:
        """The predicted noise budget in bits; what is really left is more, rarely less."""
        return -1 - TAIL_BITS - self.bits


def _sum(*bits: float) -> float:
    """log2 of the sum of 2^b."""
    largest = max(bits)
    return largest + math.log2(sum(2 ** (b - largest) for b in bits))


def _squares(*variances: float) -> float:
    """log2 of the square root of a sum of variances."""
    return math.log2(sum(variances)) / 2


def _check_noise(*noises: Noise) -> None:
    for noise in noises:
        instance(noise, Noise, "a noise")


class NoiseModel:
    """Predicted noise of every operation; `BFVParameters.noise_model` is that of a parameter set.

    N, t: the ring degree and the plain modulus. q_bits: log2 of each prime of Q. p_bits: log2(P).
    digit_limbs: primes in a digit. sigma: standard deviation of the errors. Levels are from 0 to
    one less than there are q_bits. Raises `ParameterError` for other numbers, `WrongObjectError`
    for what is no `Noise`.
    """

    def __init__(
        self,
        N: int,
        t: int,
        q_bits: Sequence[float],
        p_bits: float,
        digit_limbs: int,
        sigma: float = STANDARD_SIGMA,
    ) -> None:
        self.N = N = whole_number(N, "N", 1, MAX_RING_DEGREE)
        self.sigma = real_number(sigma, "sigma", 0, 64)
        self._p_bits = real_number(p_bits, "p_bits", 0, MAX_MODULUS_BITS * MAX_PRIMES)
        self._t_bits = math.log2(whole_number(t, "t", 2))
        self._q_bits = [
            real_number(bits, "one of q_bits", 0, MAX_MODULUS_BITS)
            for bits in items_of(q_bits, "q_bits")
        ]
        self._digit_limbs = whole_number(digit_limbs, "digit_limbs", 1)
        # r_0 + r_1 s for roundings r: the error of a division of a ciphertext of two parts.
        self._pair_rounding = _ROUNDING * (1 + N * _SECRET_VARIANCE)
        # (t / Q) ct(s), whose parts are uniform modulo Q.
        self._phase_bits = self._t_bits + _squares(self._pair_rounding)

    def _unit(self, level: int) -> float:
        """log2(t / Q): what an error of 1 in ct(s) is as invariant noise."""
        level = whole_number(level, "level", 0, len(self._q_bits) - 1)
        return self._t_bits - sum(self._q_bits[: level + 1])

    def _invariant(self, level: int, *variances: float) -> float:
        return self._unit(level) + _squares(*variances)

    # ------------------------------------------------------------ fresh ciphertexts

    def fresh_symmetric(self, level: int) -> Noise:
        """Encryption with the secret key: one Gaussian, and the rounding of Q m / t."""
        return Noise(self._invariant(level, self.sigma**2, _ROUNDING), 0)

    def fresh_public(self, level: int) -> Noise:
        """Encryption with the public key in Q p, divided by p: v e + e_0 + e_1 s, and roundings.

        p is a special prime, of which is counted only that it is above 2 N.
        """
        inner = self.sigma**2 * (1 + 2 * self.N * _SECRET_VARIANCE) / (2 * self.N) ** 2
        return Noise(self._invariant(level, inner, self._pair_rounding, _ROUNDING), 1)

    # ------------------------------------------------------------ sums and plaintexts

    def add(self, a: Noise, b: Noise) -> Noise:
        """A sum or difference of ciphertexts."""
        _check_noise(a, b)
        return Noise(_sum(a.bits, b.bits), max(a.degree, b.degree))

    def add_plain(self, a: Noise, level: int) -> Noise:
        """A plaintext added: the rounding of Q m / t."""
        _check_noise(a)
        return Noise(_sum(a.bits, self._invariant(level, _ROUNDING)), a.degree)

    def multiply_plain(self, a: Noise, norm_bits: float) -> Noise:
        """A product with a plaintext whose largest embedding is 2^norm_bits."""
        _check_noise(a)
        return Noise(a.bits + real_number(norm_bits, "norm_bits"), a.degree)

    # ------------------------------------------------------------ products and switches

    def multiply(self, a: Noise, b: Noise, level: int) -> Noise:
        """A product of ciphertexts, three parts, as `he.bfv.multiplication` computes it.

        With u = (t / Q) ct(s) of either factor it is v_a u_b + v_b u_a, the rounding of b's parts
        to R / Q times their value (R >= Q), which meets u_a, and the rounding of the three parts.
        """
        _check_noise(a, b)
        half_N = math.log2(self.N) / 2
        first = a.bits + math.log2(a.degree + 1) / 2
        second = b.bits + math.log2(b.degree + 1) / 2
        scaled = self._invariant(level, 2 * self._pair_rounding)
        three = 1 + self.N * _SECRET_VARIANCE + 2 * (self.N * _SECRET_VARIANCE) ** 2
        total = _sum(
            half_N + self._phase_bits + _sum(first, second, scaled),
            half_N + a.bits + b.bits,
            self._invariant(level, _ROUNDING * three),
        )
        return Noise(total, max(a.degree, b.degree) + 1)

    def key_switch(self, a: Noise, level: int) -> Noise:
        """A relinearization or rotation: digits times errors over P, and the rounding."""
        _check_noise(a)
        level = whole_number(level, "level", 0, len(self._q_bits) - 1)
        variance = 0.0
        for start in range(0, level + 1, self._digit_limbs):
            own = self._q_bits[start : min(start + self._digit_limbs, level + 1)]
            variance += len(own) * 4 ** (sum(own) - self._p_bits) * _ROUNDING
        variance *= self.N * self.sigma**2
        added = self._invariant(level, variance, self._pair_rounding)
        return Noise(_sum(a.bits, added), max(a.degree, 1))

    def mod_switch(self, a: Noise, level: int, parts: int = 2) -> Noise:
        """From `level` to `level` - 1: the invariant noise stays, and a rounding joins it."""
        _check_noise(a)
        level = whole_number(level, "level", 1, len(self._q_bits) - 1)
        rounding = self._pair_rounding
        if whole_number(parts, "parts", 2, 3) > 2:
            rounding += _ROUNDING * 2 * (self.N * _SECRET_VARIANCE) ** 2
        return Noise(_sum(a.bits, self._invariant(level - 1, rounding)), max(a.degree, parts - 1))
