"""Constants that the operations of `ntt.limbs` take, with what every word size needs of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntt.backends.layout import FLOAT_BITS


class Scalars:
    """Fixed factors with their Shoup constants for every word size; any shape.

    values[..., k] is a residue modulo moduli[..., k] (arrays of Python integers or uint64).
    """

    def __init__(self, values: Any, moduli: Any) -> None:
        wide = np.array(values, dtype=object)
        primes = np.broadcast_to(np.array(moduli, dtype=object), wide.shape)
        self.values = (wide % primes).astype(np.uint64)
        self._shoup = {
            word: np.array(wide % primes * (1 << word) // primes, dtype=object).astype(np.uint64)
            for word in (52, 64)
        }
        quotients = self.values.astype(np.float64) / primes.astype(np.float64)
        self._shoup[FLOAT_BITS] = np.asarray(quotients).view(np.uint64)

    def of(self, word_bits: int) -> tuple[np.ndarray, np.ndarray]:
        """(values, Shoup constants) for a word of 64, 52 or `FLOAT_BITS` bits."""
        return self.values, self._shoup[word_bits]


class BasisChange:
    """weights (targets, sources) and offsets (targets,) of a base conversion to `moduli`."""

    def __init__(self, weights: Any, offsets: Any, moduli: tuple[int, ...]) -> None:
        primes = np.array(moduli, dtype=object)
        self.weights = Scalars(weights, primes[:, None])
        self.offsets = (np.array(offsets, dtype=object) % primes).astype(np.uint64)


class DigitChange:
    """Base conversions of digits to `moduli`, one after the other.

    spans (digits, 2): the first source and the one after the last, which are also the digit's own
    limbs; weights (digits, targets, most sources) and offsets (digits, targets); scales (targets,)
    for the limbs that are a digit's own, None for ones.
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
        self.scales = Scalars(scales, primes) if scales is not None else Scalars([], [])
        self.spans = np.array(spans, dtype=np.int64)
        self.weights = Scalars(weights, primes[:, None])
        self.offsets = (np.array(offsets, dtype=object) % primes).astype(np.uint64)


class LimbDivision:
    """``round(x / D)`` in the kept limbs, for D = d_0 d_1 .. the product of x's last moduli.

    The remainder of x + D // 2 is t_0 + t_1 d_0 + t_2 d_0 d_1 + .. in mixed radix (Knuth, The Art
    of Computer Programming 2, section 4.3.2): t_s is a weighted sum of t_0 .. t_(s-1) and x_s
    modulo d_s. A weighted sum of all t_s is then what x / D has too much, in the kept limbs.
    """

    def __init__(self, moduli: tuple[int, ...], kept: int) -> None:
        self._to, lost = moduli[:kept], moduli[kept:]
        self._lost_count = len(lost)
        D = math.prod(lost)
        places = [math.prod(lost[:s]) for s in range(len(lost))]
        inverses = [pow(place, -1, d) for place, d in zip(places, lost, strict=True)]
        weights = [
            [-place * inverse for place in places[:s]] + [inverse] + [0] * (len(lost) - s - 1)
            for s, inverse in enumerate(inverses)
        ]
        self._terms = BasisChange(weights, [D // 2 * inverse for inverse in inverses], lost)
        self._factors = [pow(D, -1, q) for q in self._to]
        self._rest = BasisChange(
            [[place * factor for place in places] for factor in self._factors],
            [-(D // 2) * factor for factor in self._factors],
            self._to,
        )

    def scales(self, radix: int) -> tuple[int, ...]:
        """radix / D for the kept limbs and radix for the others."""
        kept = (radix * factor % q for factor, q in zip(self._factors, self._to, strict=True))
        return (*kept, *[radix] * self._lost_count)

    def arrays(self, word_bits: int) -> tuple[np.ndarray, ...]:
        """The kernels' arguments for a word size."""
        terms, rest = self._terms, self._rest
        return (
            *terms.weights.of(word_bits), terms.offsets, *rest.weights.of(word_bits), rest.offsets
        )
