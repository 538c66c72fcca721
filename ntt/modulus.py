"""Prime moduli, their reduction constants, and roots of unity modulo a prime."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ntt.errors import ModulusError, RingDegreeError

MAX_MODULUS_BITS = 61
MIN_RING_DEGREE, MAX_RING_DEGREE = 1 << 3, 1 << 17

# Deterministic for every n < 3.18e23 (Sorenson and Webster, "Strong pseudoprimes to twelve
# prime bases", Math. Comp. 2017).
_MILLER_RABIN_BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def is_prime(n: int) -> bool:
    """Whether `n` is prime; exact for every n below 2^64 (Miller-Rabin)."""
    if n < 2:
        return False
    for p in _MILLER_RABIN_BASES:
        if n % p == 0:
            return n == p
    shift = ((n - 1) & (1 - n)).bit_length() - 1
    odd = (n - 1) >> shift
    for base in _MILLER_RABIN_BASES:
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(shift - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


@dataclass(frozen=True)
class Modulus:
    """A prime q, 4 < q < 2^61, with the constants of its three reductions.

    With n = bits(q) and W the word size (64 for `scalar`, 52 for `ifma`):

    - Barrett: ``mu = floor(2^(n - 2 + W) / q)``; the product is shifted right by ``n - 2`` first
      (Barrett, CRYPTO '86, with the shifts of Knezevic et al., IEEE TC 2010).
    - Montgomery: ``-q^-1 mod 2^W`` (Montgomery, Math. Comp. 1985).
    - Shoup: for a fixed factor w, ``floor(w * 2^W / q)`` (Harvey, arXiv:1205.2926).

    q has at least three bits, so that the Barrett shift is not zero. Raises `ModulusError` when q
    is not such a prime.
    """

    value: int

    def __post_init__(self) -> None:
        q = self.value
        if not 4 < q < 1 << MAX_MODULUS_BITS:
            raise ModulusError(
                f"modulus {q} is out of range: it must be a prime from 5 to 2^{MAX_MODULUS_BITS}"
            )
        if not is_prime(q):
            raise ModulusError(
                f"modulus {q} is not prime; `ntt.find_primes(bits, N, count)` lists usable ones"
            )

    @property
    def bits(self) -> int:
        """Bit length n of q."""
        return self.value.bit_length()

    def barrett_mu(self, word_bits: int) -> int:
        """``floor(2^(n - 2 + W) / q)``, below 2^(W - 1), for a word of W bits."""
        return (1 << (self.bits - 2 + word_bits)) // self.value

    def montgomery_negative_inverse(self, word_bits: int) -> int:
        """``-q^-1 mod 2^W`` for a word of W bits."""
        return -pow(self.value, -1, 1 << word_bits) % (1 << word_bits)

    def shoup(self, w: int, word_bits: int) -> int:
        """``floor(w * 2^W / q)`` for a factor w in [0, q) and a word of W bits."""
        return (w << word_bits) // self.value

    def supports_ntt(self, N: int) -> bool:
        """Whether a primitive 2N-th root of unity exists, so whether q = 1 mod 2N."""
        return (self.value - 1) % (2 * N) == 0


def check_ring_degree(N: int) -> None:
    """Raise `RingDegreeError` unless N is a power of two from 2^3 to 2^17."""
    if not (isinstance(N, int) and MIN_RING_DEGREE <= N <= MAX_RING_DEGREE and N & (N - 1) == 0):
        raise RingDegreeError(
            f"ring degree N = {N!r} is not supported: it must be a power of two from "
            f"{MIN_RING_DEGREE} to {MAX_RING_DEGREE}"
        )


def check_ntt_modulus(q: int, N: int) -> Modulus:
    """``Modulus(q)``; raises `ModulusError` unless q is such a prime and q = 1 mod 2N."""
    modulus = Modulus(q)
    if not modulus.supports_ntt(N):
        raise ModulusError(
            f"modulus {q} has no negacyclic NTT of length N = {N}: q mod 2N is {q % (2 * N)}, "
            f"needed 1; `ntt.find_primes({q.bit_length()}, {N}, 1)` lists usable primes"
        )
    return modulus


@functools.lru_cache(maxsize=4096)
def primitive_root(q: int, order: int) -> int:
    """The smallest primitive root of unity of an order modulo the prime q.

    order: a power of two, at least 2, that divides q - 1; raises `ModulusError` otherwise. SEAL
    uses the smallest root as well, so both libraries agree on the transformed domain.
    """
    if order & (order - 1) or order < 2 or (q - 1) % order:
        raise ModulusError(
            f"no primitive root of order {order} modulo {q}: the order must be a power of two "
            f"that divides q - 1"
        )
    for candidate in range(2, q):
        root = pow(candidate, (q - 1) // order, q)
        if pow(root, order // 2, q) == q - 1:
            break
    # The roots are the odd powers of any one of them.
    square = root * root % q
    if q < 1 << 32:
        powers = np.array([root], dtype=np.uint64)
        while len(powers) < order // 2:
            step = np.uint64(pow(square, len(powers), q))
            powers = np.concatenate((powers, powers * step % np.uint64(q)))
        return int(powers.min())
    smallest = root
    for _ in range(order // 2):
        if root < smallest:  # `min` takes three times as long
            smallest = root
        root = root * square % q
    return smallest


def find_primes(bits: int, N: int, count: int, *, exclude: Collection[int] = ()) -> tuple[int, ...]:
    """The `count` largest primes of exactly `bits` bits with q = 1 mod 2N, largest first.

    exclude: primes to leave out. Raises `RingDegreeError`, or `ModulusError` for other sizes than 3
    to 61 bits and when there are fewer primes.
    """
    check_ring_degree(N)
    if not 3 <= bits <= MAX_MODULUS_BITS:
        raise ModulusError(f"prime size of {bits} bits: it must be from 3 to {MAX_MODULUS_BITS}")
    found: list[int] = []
    candidate = ((1 << bits) - 1) // (2 * N) * (2 * N) + 1
    while len(found) < count and candidate >= 1 << (bits - 1):
        if candidate.bit_length() == bits and candidate not in exclude and is_prime(candidate):
            found.append(candidate)
        candidate -= 2 * N
    if len(found) < count:
        raise ModulusError(
            f"only {len(found)} primes of {bits} bits are 1 mod {2 * N}, {count} needed: "
            f"use more bits or a smaller N"
        )
    return tuple(found)


def find_primes_near(
    target: float, N: int, count: int, *, exclude: Collection[int] = (), below: int = 1 << 50
) -> tuple[int, ...]:
    """The `count` primes q = 1 mod 2N nearest to `target`, nearest first, all less than `below`.

    exclude: primes to leave out. CKKS rescales by such primes, so that the scale of every level
    stays close to `target`. Raises `RingDegreeError`, or `ModulusError` when there are too few
    such primes between target / 2 and 2 target.
    """
    check_ring_degree(N)
    step = 2 * N
    centre = round((target - 1) / step)
    found: list[int] = []
    for distance in range(int(target / step) + 2):
        around = {(centre + distance) * step + 1, (centre - distance) * step + 1}
        for q in sorted(around, key=lambda q: abs(q - target)):
            in_range = target / 2 < q < min(2 * target, below)
            if len(found) < count and in_range and q not in exclude and is_prime(q):
                found.append(q)
        if len(found) == count:
            return tuple(found)
    raise ModulusError(
        f"only {len(found)} primes near {target:.0f} are 1 mod {step}, {count} needed: "
        f"use a larger target or a smaller N"
    )
