"""How far a raised polynomial leaves its modulus: the distribution of the overflow count.

Raised from q_0 to Q, c_0 + c_1 s is m + q_0 I. A coefficient of (c_0 + c_1 s) / q_0 is a sum of
h + 1 independent uniform numbers in (-1/2, 1/2), h the weight of the secret, since c_1 and, for a
fixed c_1, c_0 are uniform: a centred Irwin-Hall distribution.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction

from he.rlwe.security import SPARSE_WEIGHT

ROOM = 0.125
"""What is left beside the last integer of an interval: for messages, and their errors."""


@functools.lru_cache
def tail(bound: Fraction, weight: int = SPARSE_WEIGHT) -> float:
    """Pr[|x| > bound] for a sum x of weight + 1 uniform numbers in (-1/2, 1/2)."""
    terms = weight + 1
    below = Fraction(terms, 2) - bound
    total = Fraction(0)
    for k in range(max(0, math.ceil(below))):
        total += (-1) ** k * math.comb(terms, k) * (below - k) ** terms
    return float(min(Fraction(1), 2 * total / math.factorial(terms)))


def standard_deviation(weight: int = SPARSE_WEIGHT) -> float:
    """Of the sum of weight + 1 uniform numbers in (-1/2, 1/2)."""
    return math.sqrt((weight + 1) / 12)


def failure_probability(coefficients: int, interval: int) -> float:
    """The probability, at most, that |I| > interval for one of so many coefficients."""
    return min(1.0, coefficients * tail(interval + Fraction(1, 2)))


def interval_for(coefficients: int, failure_bits: int) -> int:
    """The least interval with a `failure_probability` of at most 2^-failure_bits."""
    interval = 2
    while failure_probability(coefficients, interval) > 2.0**-failure_bits:
        interval += 1
    return interval


def probability(count: int, weight: int = SPARSE_WEIGHT) -> float:
    """Pr[I = count]."""
    beyond = [tail(abs(count) + Fraction(side, 2), weight) / 2 for side in (-1, 1)]
    return beyond[0] - beyond[1] if count else 1 - 2 * beyond[1]
