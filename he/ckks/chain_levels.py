"""The moduli of a chain: a prime of the scale's size for each level, two for a large scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.levels import Level
from ntt.modulus import MAX_MODULUS_BITS, find_primes, find_primes_near

FAST_PRIME_BITS = 50
"""Default parameter sets use primes below 2^50: every backend holds them."""

WANTED_INTEGER_BITS, ENOUGH_INTEGER_BITS, LEAST_INTEGER_BITS = 16, 8, 5
"""What `chain_sizes` takes where it is free: products of two pixels; what it buys with a larger N:
pixels and ages; and with primes that leave no room."""


class LevelModuli(NamedTuple):
    """The fields of a parameter set that say of what the modulus of each level is made."""

    q: tuple[int, ...]
    p: tuple[int, ...]
    levels: tuple[Level, ...]
    scales: tuple[float, ...]
    bootstrap: BootstrapCircuit | None = None


class Sizes(NamedTuple):
    """What is asked of a chain of primes: numbers of bits."""

    depth: int
    dnum: int
    scale_bits: float
    integer_bits: int
    special_bits: int
    prime_bits: int

    @property
    def first_bits(self) -> int:
        """Bits of q_0: those of the scale, of the values, and one for the sign."""
        return math.ceil(self.scale_bits) + self.integer_bits + 1

    @property
    def words(self) -> tuple[tuple[float, ...], ...]:
        """The sizes of the primes that each level adds."""
        return (
            self._split(self.first_bits),
            *[self._split(self.scale_bits)] * self.depth,
        )

    def _split(self, bits: float) -> tuple[float, ...]:
        """A prime, or two of half the size: one of `scale_bits` may come out a little larger."""
        limit = self.prime_bits if bits == self.first_bits else self.prime_bits - 0.5
        return (bits,) if bits <= limit else (bits / 2, bits / 2)

    @property
    def digit_limbs(self) -> int:
        """Primes in a digit."""
        return -(-sum(map(len, self.words)) // self.dnum)

    @property
    def digit_bits(self) -> float:
        """log2 of the largest digit."""
        words = [word for of_level in self.words for word in of_level]
        size = self.digit_limbs
        return max(sum(words[i : i + size]) for i in range(0, len(words), size))

    @property
    def special_primes(self) -> int:
        """Number of special primes."""
        return -(-self.special_bits // FAST_PRIME_BITS)

    @property
    def least_log_qp(self) -> float:
        """No set of primes of these sizes has a smaller log2(QP)."""
        return self.first_bits - 1 + self.scale_bits * self.depth + self.special_bits - 1


def chain_sizes(
    depth: int,
    scale_bits: float,
    dnums: Iterable[int],
    integer_bits: int | None,
    special_bits: int | None,
    prime_bits: int,
) -> Iterator[Sizes]:
    """The sizes to try, the fastest first: the fewest digits, of these the most integer bits.

    Where the caller leaves `integer_bits` open, none of them costs a special prime that the fewest
    integer bits do not need, nor primes that not every backend holds.
    """
    for dnum in dnums:
        tried = [integer_bits] if integer_bits else list(_integer_bits(scale_bits, prime_bits))
        found = [
            Sizes(depth, dnum, scale_bits, bits, special_bits or 0, prime_bits) for bits in tried
        ]
        if special_bits is None:
            found = [s._replace(special_bits=_special_bits(s.digit_bits)) for s in found]
        yield from (s for s in found if s.special_primes == found[-1].special_primes)


def _integer_bits(scale_bits: float, prime_bits: int) -> range:
    """The integer bits that `build` tries where the caller leaves them open, the most first."""
    room = FAST_PRIME_BITS - 1 - math.ceil(scale_bits)
    if room < LEAST_INTEGER_BITS:  # no first prime is one that every backend holds
        wide = prime_bits > FAST_PRIME_BITS
        room = prime_bits - 1 - math.ceil(scale_bits) if wide else WANTED_INTEGER_BITS
    most = max(min(WANTED_INTEGER_BITS, room), LEAST_INTEGER_BITS)
    return range(most, min(ENOUGH_INTEGER_BITS, most) - 1, -1)


def chain_moduli(N: int, sizes: Sizes) -> LevelModuli:
    """The primes of a chain of these sizes. Raises `ntt.ModulusError` where there are too few."""
    taken: list[int] = []

    def near(target: float, below: int) -> int:
        (prime,) = find_primes_near(target, N, 1, exclude=tuple(taken), below=below)
        taken.append(prime)
        return prime

    first, *scaled = sizes.words
    if len(first) == 1:
        lowest = find_primes(sizes.first_bits, N, 1)
        taken += lowest
    else:
        limit = 1 << sizes.prime_bits
        lowest = tuple(near(2.0**bits, limit) for bits in first)
    special = _special_primes(N, sizes, tuple(taken))
    taken += special
    scale = 2.0**sizes.scale_bits
    chain: list[tuple[int, ...]] = []
    scales = [scale]
    fast = sizes.scale_bits < FAST_PRIME_BITS - 0.5
    double = any(len(words) > 1 for words in scaled)
    limit = 1 << (FAST_PRIME_BITS if fast or double else MAX_MODULUS_BITS)
    for words in scaled:
        # The primes that bring the next canonical scale back to the first one.
        target = scales[-1] ** 2 / scale
        factors = [near(2.0**bits, limit) for bits in words[1:]]
        product = math.prod(factors)
        factors.append(near(target / product, limit))
        chain.append(tuple(factors))
        scales.append(scales[-1] ** 2 / math.prod(factors))
    of_level = (lowest, *reversed(chain))
    digit_limbs = sizes.digit_limbs
    rows = itertools.accumulate(len(primes) for primes in of_level)
    all_special = tuple(range(len(special)))
    return LevelModuli(
        tuple(prime for primes in of_level for prime in primes),
        special,
        tuple(Level(tuple(range(n)), all_special, digit_limbs) for n in rows),
        tuple(reversed(scales)),
    )


def _special_bits(digit_bits: float) -> int:
    """Five bits more than the digit, or fewer (at least one) where that would take a prime more."""
    enough = math.ceil(digit_bits) + 5
    primes = -(-(math.ceil(digit_bits) + 1) // FAST_PRIME_BITS)
    return min(enough, primes * FAST_PRIME_BITS)


def _special_primes(N: int, sizes: Sizes, exclude: tuple[int, ...]) -> tuple[int, ...]:
    total, count = sizes.special_bits, sizes.special_primes
    primes: list[int] = []
    for i in range(count):
        bits = total // count + (1 if i < total % count else 0)
        primes += find_primes(bits, N, 1, exclude=(*exclude, *primes))
    return tuple(primes)
