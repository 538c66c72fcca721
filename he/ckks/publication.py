"""Decrypted numbers that may leave the client: Gaussian noise hides the error of the scheme.

The error e of a decryption depends on the secret key, and who knows the exact value m learns e from
m + e (Li and Micciancio, EUROCRYPT 2021). The noise G of `Flooding` makes m + e + G and m + G alike
(Li, Micciancio, Schultz, Sorrell, CRYPTO 2022; OpenFHE's NOISE_FLOODING_DECRYPT has the same size).

Proof sketch. Values are rounded to multiples of a grid, so that m and m + e lie at most d steps
apart where |e| <= `error_bound`. G is a discrete Gaussian on the grid, of variance v steps squared,
and the divergence of Kullback and Leibler between G and G + d is d^2 / (2 v), exactly (Canonne,
Kamath, Steinke, NeurIPS 2020). Divergences of all n published values add up, also where queries
depend on earlier answers, to n d^2 / (2 v) = 2^-s / 24 for v = 12 n d^2 2^s. By Pinsker's
inequality no adversary tells the published values from m + G, which needs no key, with an advantage
above 2^(-s/2) / 6.9: s bits of security, as an advantage a takes some a^-2 trials. The proof is
about honest servers, whose errors keep to the bound.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

import numpy as np

from he.errors import PublicationError
from he.rlwe.array_checks import array_of
from he.validation import real_number, whole_number

_GRID_BITS = 5
_SIZES = 2.0**-200, 2.0**200

MOST_SECURITY_BITS = 128
"""The largest statistical security that `Flooding` takes."""


@dataclass(frozen=True)
class Flooding:
    """The noise that `count` published numbers need, each with an error of at most `error_bound`.

    count: all the numbers that will ever be published under one secret key: numbers in an answer
    times answers. security_bits: s, the statistical security. The cost is s / 2 +
    log2(12 count) / 2 bits of precision. Raises `ParameterError` for values out of range.
    """

    error_bound: float
    count: int
    security_bits: int = 30

    def __post_init__(self) -> None:
        bound = real_number(self.error_bound, "error_bound", *_SIZES)
        object.__setattr__(self, "error_bound", bound)
        for name, most in (("count", 1 << 40), ("security_bits", MOST_SECURITY_BITS)):
            number = whole_number(getattr(self, name), name, 1, most)
            object.__setattr__(self, name, number)

    @property
    def grid(self) -> float:
        """The step of the grid: a power of two, at most a 32nd of the bound."""
        return 2.0 ** (math.frexp(self.error_bound)[1] - 1 - _GRID_BITS)

    @property
    def variance(self) -> int:
        """The variance of the noise, in steps of the grid squared: exact."""
        steps = math.ceil(self.error_bound / self.grid) + 1
        return 12 * self.count * steps**2 << self.security_bits

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise."""
        return math.sqrt(self.variance) * self.grid

    def bits_left(self, size: float = 1.0) -> float:
        """Bits of precision left to values of this size: log2(size / sigma).

        size: from 2^-200 to 2^200. Raises `ParameterError` for others.
        """
        return math.log2(real_number(size, "size", *_SIZES)) - math.log2(self.sigma)

    def publish(
        self, values: np.ndarray, *, size: float = 1.0, precision_bits: float = 1.0
    ) -> np.ndarray:
        """The real values (..) float64 with fresh noise of the operating system's randomness.

        size: how large the values are, as is known without them. Raises `PublicationError` where
        fewer than `precision_bits` would be left, and for values that are no finite real numbers.
        """
        left = self.bits_left(size)
        if left < real_number(precision_bits, "precision_bits"):
            raise PublicationError(
                f"{left:.1f} bits of values of size {size:g} would be left behind noise of "
                f"standard deviation {self.sigma:.3g}, {precision_bits:g} are needed: publish "
                f"fewer values, lower security_bits, or compute with more precision"
            )
        given = array_of(values)
        steps = np.full(1, np.nan, dtype=np.float64)
        if given.dtype.kind in "iuf":
            with np.errstate(over="ignore"):
                steps = given.astype(np.float64) / self.grid
        if not np.isfinite(steps).all():
            raise PublicationError("a value is no finite real number: it cannot be published")
        noisy = [round(x) + discrete_gaussian(self.variance) for x in steps.flat]
        published = np.array([y * self.grid for y in noisy], dtype=np.float64)
        return published.reshape(given.shape)


def discrete_gaussian(variance: int) -> int:
    """An integer x with Pr[x] proportional to exp(-x^2 / (2 variance)), exactly.

    By rejection from a discrete Laplace distribution, in integers (Canonne, Kamath, Steinke,
    NeurIPS 2020, algorithms 1 to 3), of the operating system's randomness.
    """
    t = math.isqrt(variance) + 1
    while True:
        x = _discrete_laplace(t)
        if _bernoulli_exp((abs(x) * t - variance) ** 2, 2 * variance * t * t):
            return x


def _discrete_laplace(t: int) -> int:
    """An integer x with Pr[x] proportional to exp(-|x| / t)."""
    while True:
        low = secrets.randbelow(t)
        if not _bernoulli_exp(low, t):
            continue
        high = 0
        while _bernoulli_exp(1, 1):
            high += 1
        magnitude = low + t * high
        negative = secrets.randbelow(2)
        if magnitude or not negative:
            return -magnitude if negative else magnitude


def _bernoulli_exp(numerator: int, denominator: int) -> bool:
    """True with probability exp(-numerator / denominator)."""
    while numerator > denominator:
        if not _bernoulli_exp(1, 1):
            return False
        numerator -= denominator
    k = 1
    while secrets.randbelow(k * denominator) < numerator:
        k += 1
    return k % 2 == 1
