"""Constants that the operations of `ntt.limbs` take, made for every word size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntt.backends.contract import Conversion, DigitConversion, DivisionConstants
from ntt.backends.layout import FLOAT_BITS

_WORDS = (52, FLOAT_BITS, 64)


class Scalars:
    """Fixed factors with their Shoup constants, of any shape (.., moduli).

    values: integers of any size or sign. values[.., k] is reduced modulo moduli[.., k], a prime.
    """

    def __init__(self, values: Any, moduli: Any) -> None:
        wide = np.array(values, dtype=object)
        primes = np.broadcast_to(np.array(moduli, dtype=object), wide.shape)
        self.values = _words(wide % primes)
        self._shoup = {
            word: _words(np.array(wide % primes * (1 << word) // primes, dtype=object))
            for word in (52, 64)
        }
        quotients = self.values.astype(np.float64) / primes.astype(np.float64)
        self._shoup[FLOAT_BITS] = np.ascontiguousarray(quotients).view(np.uint64)

    def of(self, word_bits: int) -> tuple[np.ndarray, np.ndarray]:
        """(values in [0, q), their Shoup constants), uint64, for a word of 64, 52 or `FLOAT_BITS`.
        """
        return self.values, self._shoup[word_bits]


def _words(values: np.ndarray) -> np.ndarray:
    """Integers in [0, 2^64) as uint64, contiguous."""
    return np.ascontiguousarray(values, dtype=np.uint64)


class BasisChange:
    """A base conversion to `moduli`: row r becomes ``sum_s weights[r, s] y[s] + offsets[r]``.

    weights (moduli, sources) and offsets (moduli,): integers of any size or sign.
    """

    def __init__(self, weights: Any, offsets: Any, moduli: tuple[int, ...]) -> None:
        primes = np.array(moduli, dtype=object)
        self.weights = Scalars(weights, primes[:, None])
        shifts = _words(np.array(offsets, dtype=object) % primes)
        self._of = {word: Conversion(*self.weights.of(word), shifts) for word in _WORDS}

    def of(self, word_bits: int) -> Conversion:
        """The argument of the kernels for a word of 64, 52 or `FLOAT_BITS`."""
        return self._of[word_bits]


class DigitChange:
    """Base conversions of digits to `moduli`, one after the other.

    spans (digits, 2): the first source of a digit and the one after the last, which are also the
    digit's own limbs. weights (digits, moduli, most sources) and offsets (digits, moduli): as in
    `BasisChange`. scales (moduli,): what a digit's own limbs are multiplied by, None for 1.
    """

    def __init__(
        self,
        spans: Any,
        weights: Any,
        offsets: Any,
        moduli: tuple[int, ...],
        scales: Any = None,
    ) -> None:
        primes = np.array(moduli, dtype=object)
        self.spans = np.array(spans, dtype=np.int64)
        own = Scalars(scales, primes) if scales is not None else Scalars([], [])
        others = Scalars(weights, primes[:, None])
        shifts = _words(np.array(offsets, dtype=object) % primes)
        self._of = {
            word: DigitConversion(self.spans, *own.of(word), *others.of(word), shifts)
            for word in _WORDS
        }

    def of(self, word_bits: int) -> DigitConversion:
        """The argument of the kernels for a word of 64, 52 or `FLOAT_BITS`."""
        return self._of[word_bits]


class LimbDivision:
    """``round(x / D)`` in the first `kept` of `moduli`, for D = d_0 d_1 .. the product of the rest.

    The remainder of x + D // 2 is t_0 + t_1 d_0 + t_2 d_0 d_1 + .. in mixed radix (Knuth, The Art
    of Computer Programming 2, section 4.3.2): t_s is a weighted sum of t_0 .. t_(s-1) and x_s
    modulo d_s. In the kept limbs, x / D less (t_0 + t_1 d_0 + .. - D // 2) / D is the quotient.
    """

    def __init__(self, moduli: tuple[int, ...], kept: int) -> None:
        self._kept, dropped = moduli[:kept], moduli[kept:]
        self._dropped_count = len(dropped)
        D = math.prod(dropped)
        places = [math.prod(dropped[:s]) for s in range(len(dropped))]
        inverses = [pow(place, -1, d) for place, d in zip(places, dropped, strict=True)]
        weights = [
            [-place * inverse for place in places[:s]] + [inverse] + [0] * (len(dropped) - s - 1)
            for s, inverse in enumerate(inverses)
        ]
        terms = BasisChange(weights, [D // 2 * inverse for inverse in inverses], dropped)
        self._factors = [pow(D, -1, q) for q in self._kept]
        rest = BasisChange(
            [[place * factor for place in places] for factor in self._factors],
            [-(D // 2) * factor for factor in self._factors],
            self._kept,
        )
        self._of = {word: DivisionConstants(terms.of(word), rest.of(word)) for word in _WORDS}

    def scales(self, radix: int) -> tuple[int, ...]:
        """What x is multiplied by beforehand, by modulus: radix / D if kept, else radix."""
        kept = (radix * factor % q for factor, q in zip(self._factors, self._kept, strict=True))
        return (*kept, *[radix] * self._dropped_count)

    def of(self, word_bits: int) -> DivisionConstants:
        """The argument of the kernels for a word of 64, 52 or `FLOAT_BITS`."""
        return self._of[word_bits]
