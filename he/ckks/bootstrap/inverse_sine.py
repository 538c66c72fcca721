"""The inverse sine as an odd polynomial: what straightens the sine of a bootstrap."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

DEGREES = (1, 3, 5, 7)
"""The degrees that a bootstrap chooses from."""

_TAYLOR: FloatArray = np.array([0, 1, 0, 1 / 6, 0, 3 / 40, 0, 15 / 336])


def taylor(degree: int) -> FloatArray:
    """The power coefficients of the Taylor polynomial, of one of `DEGREES`.

    It is best where nearly all angles are far smaller than the largest.
    """
    return _TAYLOR[: degree + 1]


def interpolated(degree: int, largest: float) -> FloatArray:
    """The power coefficients of an odd polynomial near asin on [-largest, largest].

    It goes through asin at the Chebyshev nodes of degree + 2 points; as asin is odd, the even
    coefficients, the last one among them, are zero.
    """
    nodes = np.cos(np.pi * (np.arange(degree + 2) + 0.5) / (degree + 2))
    chebyshev = np.polynomial.chebyshev.chebfit(nodes, np.arcsin(largest * nodes), degree + 1)
    power = np.zeros(degree + 1)
    power[1::2] = np.polynomial.chebyshev.cheb2poly(chebyshev)[1 : degree + 1 : 2]
    return power / largest ** np.arange(degree + 1)


def ratio_bits(degree: int, relative_bits: float, *, spread: bool) -> float:
    """log2 of the least ratio q_0 / (scale largest) at which a polynomial errs by no more than
    2^-relative_bits of the largest message.

    spread: whether messages are spread over their whole range, for `interpolated`, or nearly all
    small, for `taylor`.
    """
    x = np.linspace(0, 1, 65)
    bits = 2.5
    while True:
        angle = 2 * math.pi / 2.0**bits
        coefficients = interpolated(degree, math.sin(angle)) if spread else taylor(degree)
        found = np.polynomial.polynomial.polyval(np.sin(angle * x), coefficients) / angle
        if np.abs(found - x).max() <= 2.0**-relative_bits:
            return bits
        bits += 0.125
