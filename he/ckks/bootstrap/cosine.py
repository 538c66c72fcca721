"""Reduction modulo q_0 by a sine: what a bootstrap evaluates on every coefficient.

x = t / q_0 is an integer and a small fraction, which sin(2 pi x) / (2 pi) is nearly. With
u = x / K in [-1, 1], ``cos(2 pi (K u - 1/4) / 2^d)`` is a Chebyshev polynomial of low degree, and
d doublings cos(2 y) = 2 cos(y)^2 - 1 lead to cos(2 pi x - pi / 2) = sin(2 pi x) (Han, Ki, "Better
bootstrapping for approximate homomorphic encryption", CT-RSA 2020). The inverse sine, as a
polynomial of its own, straightens what the sine bends (Lee, Lee, Lee, Kim, No, EUROCRYPT 2021,
section 4); where one of degree 1 is enough, its slope is a part of the amplitude.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from he.ckks.bootstrap import inverse_sine
from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.ckks.bootstrap.overflow import ROOM
from he.ckks.circuits.polynomial import Polynomial

FloatArray = NDArray[np.float64]


def half_width(circuit: BootstrapCircuit) -> float:
    """K: x lies in [-K, K]."""
    return circuit.interval + ROOM


def matrix_factors(
    circuit: BootstrapCircuit, scales: Sequence[float], q_0: int, N: int
) -> list[float]:
    """What each matrix of CoeffsToSlots multiplies by, so that t / scale becomes t / (q_0 K), half
    of it, twice.

    scales: of the levels from the highest down to that of the cosine. Every matrix takes the same
    part of the whole of what is in a ciphertext, scale and value together.
    """
    repeated = N // 2 // circuit.slots
    whole = scales[-1] / q_0 / (2 * half_width(circuit) * repeated)
    each = whole ** (1 / circuit.cts_levels)
    return [each * above / below for above, below in itertools.pairwise(scales)]


def sine_polynomials(circuit: BootstrapCircuit, ratio: float) -> list[Polynomial]:
    """The polynomials that lead from u = x / K to the fraction of x, times `ratio`.

    ratio: q_0 / scale, so that the result is the message. Amplitudes are chosen so that each
    doubling is 2 e^2 - a^2, with an integer factor: a squares with each.
    """
    K, doublings = half_width(circuit), circuit.doublings
    inverse = inverse_sine.taylor(circuit.inverse_sine)
    if circuit.slots_first:
        largest = math.sin(2 * math.pi * min(circuit.largest / ratio, 0.25))
        inverse = inverse_sine.interpolated(circuit.inverse_sine, largest)
    last = ratio / (2 * math.pi)
    if circuit.inverse_sine == 1:
        last *= inverse[1]
    amplitude = last ** (1 / 2**doublings)

    def cosine(u: np.ndarray) -> np.ndarray:
        values: FloatArray = np.cos(2 * np.pi * (K * u - 0.25) / 2**doublings)
        values *= amplitude
        return values

    polynomials = [Polynomial.interpolate(cosine, circuit.degree)]
    for _ in range(doublings):
        amplitude **= 2
        polynomials.append(Polynomial([-amplitude, 0.0, 2.0]))
    if circuit.inverse_sine > 1:
        powers = np.arange(inverse.size)
        polynomials.append(Polynomial(inverse / last ** (powers - 1.0)))
    return polynomials
