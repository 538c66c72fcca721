"""The scales of levels where squares are not rescaled: the best that full words allow.

An affine map behind a square divides by ``D = scales[l]^2 w / scales[l - 1]`` at once, w the scale
of its weights. With D a full word, a larger scale of one level leaves its weights fewer bits, and
those of the level above more. The variance of an answer is a sum of terms, each an exponential of a
linear function of the scales' logarithms. Its logarithm is convex, and Newton's method finds the
least.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from he.ckks.divided_levels import WORD_BITS
from he.ckks.params import CKKSParameters
from nn.network.layers import FloatArray
from nn.packed.answer_errors import Term

SMALL_WORD_BITS = 30.0
"""The size of a second prime of a level: it takes the time of a full word, and less modulus."""

_STEPS, _NEARLY, _RIDGE = 60, 1e-9, 1e-9
_MOST_BITS = 110.0
_START, _FIRST_STEP = 28.0, 4.0


class ScaleChoice(NamedTuple):
    """log2 of the scale of each level, 0 .. L, and of what each rescaling divides by."""

    scale_bits: tuple[float, ...]
    divisor_bits: tuple[float, ...]
    variance: float


class LateScales:
    """The best scales for the errors `terms` of answers (`AnswerErrors.terms`).

    depth: L. integer_bits: bits before the binary point that level 0 holds; no value at any level
    may have more. params: any parameters of the ring, for the variances before scaling.
    """

    def __init__(
        self, terms: Sequence[Term], depth: int, integer_bits: int, params: CKKSParameters
    ) -> None:
        self._depth = depth
        self._integer_bits = integer_bits
        noise, N = params.noise_model, params.N
        variances = {
            "rounding": noise.rounding,
            "key_switch": noise.rounding,
            "fresh": noise.fresh_symmetric + noise.encoding,
        }
        found: dict[tuple[tuple[int, int, int], ...], float] = {}
        self._squares = set()
        for kind, at, weights in terms:
            level = at[0]
            largest = float(np.max(weights))
            key: tuple[tuple[int, int, int], ...]
            if kind in variances:
                # The variance is divided by 4^scale_bits.
                key, value = ((level, 1, 0),), largest * variances[kind]
            elif kind == "weights":
                _, power, period = at
                if power == 2:
                    self._squares.add(level)
                key = ((level - 1, 1, 0), (level, -power, 1))
                value = largest * noise.encoding * 2 * period / N
            elif kind == "divided_baby_steps":
                key, value = ((level, at[1], 0),), largest * noise.rounding
            else:
                continue
            found[key] = found.get(key, 0.0) + value
        self._factors = np.array(list(found.values()))
        # Exponents of 1/4: of the scales, and of the divisors.
        self._by_scale = np.zeros((len(found), depth + 1))
        self._by_divisor = np.zeros((len(found), depth + 1))
        for row, key in enumerate(found):
            for level, exponent, divided in key:
                self._by_scale[row, level] += exponent
                self._by_divisor[row, level] += divided

    def choices(self) -> Iterator[ScaleChoice]:
        """The best choice with 0, 1, 2, .. small primes beside the full words, one a level at most.
        """
        divisors = np.full(self._depth + 1, WORD_BITS)
        yield self.best(divisors)
        for _ in range(self._depth):
            tried = []
            for level in range(1, self._depth + 1):
                if divisors[level] == WORD_BITS:
                    more = divisors.copy()
                    more[level] += SMALL_WORD_BITS
                    tried.append((self.best(more).variance, level))
            divisors[min(tried)[1]] += SMALL_WORD_BITS
            yield self.best(divisors)

    def best(self, divisors: FloatArray) -> ScaleChoice:
        """The best scales for divisors (depth + 1,), of which the first is Q_0."""
        modulus = np.cumsum(divisors)
        powers = np.array([1 + (level in self._squares) for level in range(self._depth + 1)])
        most = np.minimum((modulus - self._integer_bits - 1) / powers, _MOST_BITS)
        with np.errstate(divide="ignore"):
            constant = np.log(self._factors) - math.log(4) * (self._by_divisor @ divisors)
        linear = -math.log(4) * self._by_scale
        free = np.arange(1, self._depth + 1)
        scales = np.minimum(np.full(self._depth + 1, _START), most)
        scales[0] = most[0]
        value, shares = _logarithm(constant + linear @ scales)
        for _ in range(_STEPS):
            slope = linear.T @ shares
            curvature = (linear.T * shares) @ linear - np.outer(slope, slope)
            curvature = curvature[np.ix_(free, free)] + _RIDGE * np.eye(len(free))
            step = np.linalg.solve(curvature, -slope[free])
            step *= min(1.0, _FIRST_STEP / max(float(np.abs(step).max()), _RIDGE))
            before = value
            for _ in range(30):
                tried = scales.copy()
                tried[free] = np.minimum(scales[free] + step, most[free])
                value, shares = _logarithm(constant + linear @ tried)
                if value <= before:
                    scales = tried
                    break
                step = step / 2
            else:
                break
            if before - value < _NEARLY:
                break
        rounded = tuple(round(float(bits), 3) for bits in scales)
        return ScaleChoice(rounded, tuple(divisors[1:].tolist()), math.exp(value))


def _logarithm(exponents: FloatArray) -> tuple[float, FloatArray]:
    """log(sum(exp)) and the share of each."""
    largest = float(exponents.max())
    parts = np.exp(exponents - largest)
    total = float(parts.sum())
    return largest + math.log(total), parts / total
