"""Arithmetic on limbs in plain NumPy, exact for primes below 2^61.

A product takes its quotient from float64. The wrapped difference a b - quotient q is then at most
one q too small or too large, and two comparisons correct it. This needs quotients below 2^50, so
wider factors are cut into pieces of `_PIECE_BITS` bits.
"""

from __future__ import annotations

import functools

import numpy as np

from accel_model.errors import ExecutionError

MAX_MODULUS_BITS = 61
_EXACT_BITS = 50
_PIECE_BITS = 31
_ONE = np.uint64(1)


class LimbArithmetic:
    """Operations on limbs, uint64 (N,) with values in [0, q), modulo a prime q = 1 mod 2N."""

    def __init__(self, N: int) -> None:
        self.N = N

    def add(self, a: np.ndarray, b: np.ndarray | np.uint64, q: int) -> np.ndarray:
        """a + b mod q; b is a limb or one residue."""
        total = a + b
        return _smaller(total, total - np.uint64(q))

    def subtract(self, a: np.ndarray, b: np.ndarray, q: int) -> np.ndarray:
        """a - b mod q."""
        difference = a - b
        return _smaller(difference, difference + np.uint64(q))

    def multiply(self, a: np.ndarray, b: np.ndarray | int, q: int) -> np.ndarray:
        """a b mod q; b is a limb or one residue."""
        b = np.asarray(b, dtype=np.uint64)
        if q < 1 << _EXACT_BITS:
            return _multiply_narrow(a, b, q)
        pieces = range(_PIECE_BITS * ((q.bit_length() - 1) // _PIECE_BITS), -1, -_PIECE_BITS)
        mask = np.uint64((1 << _PIECE_BITS) - 1)
        total = np.zeros_like(a)
        for shift in pieces:
            shifted = _multiply_narrow(total, _ONE << np.uint64(_PIECE_BITS), q)
            piece = b >> np.uint64(shift) & mask
            total = self.add(shifted, _multiply_narrow(a, piece, q), q)
        return total

    def reduce(self, a: np.ndarray, q: int) -> np.ndarray:
        """a mod q for any uint64 a."""
        return a % np.uint64(q)

    def forward(self, a: np.ndarray, q: int) -> np.ndarray:
        """The value at psi^(2 brv(i) + 1) for each i (Longa and Naehrig, CANS 2016, Alg. 1).

        psi is the smallest primitive 2N-th root of unity modulo q.
        """
        x, w = a, self.twiddles(q)
        m = 1
        while m < self.N:
            pairs = x.reshape(m, 2, -1)
            upper, lower = pairs[:, 0], self.multiply(pairs[:, 1], w[m : 2 * m, None], q)
            sums, differences = self.add(upper, lower, q), self.subtract(upper, lower, q)
            x = np.stack((sums, differences), axis=1)
            m *= 2
        return x.reshape(-1)

    def inverse(self, a: np.ndarray, q: int) -> np.ndarray:
        """The inverse of `forward` (Alg. 2 there), scaled by N^-1."""
        x, w = a, self.inverse_twiddles(q)
        m = self.N // 2
        while m:
            pairs = x.reshape(m, 2, -1)
            sums = self.add(pairs[:, 0], pairs[:, 1], q)
            differences = self.subtract(pairs[:, 0], pairs[:, 1], q)
            x = np.stack((sums, self.multiply(differences, w[m : 2 * m, None], q)), axis=1)
            m //= 2
        return self.multiply(x.reshape(-1), pow(self.N, -1, q), q)

    @functools.cache  # noqa: B019  as many as a program has moduli
    def twiddles(self, q: int) -> np.ndarray:
        """psi^brv(i) for i = 0 .. N - 1, uint64 (N,)."""
        powers = self.powers(smallest_root(q, 2 * self.N), q)
        return np.asarray(powers[bit_reversal(self.N)])

    @functools.cache  # noqa: B019
    def inverse_twiddles(self, q: int) -> np.ndarray:
        """psi^-brv(i) for i = 0 .. N - 1, uint64 (N,)."""
        inverse = pow(smallest_root(q, 2 * self.N), -1, q)
        return np.asarray(self.powers(inverse, q)[bit_reversal(self.N)])

    @functools.cache  # noqa: B019
    def permutation(self, element: int) -> np.ndarray:
        """int64 (N,): where the transform of a has each value of the transform of a(x^element)."""
        order = bit_reversal(self.N)
        exponent = (2 * order + 1) * element % (2 * self.N)
        source: np.ndarray = order[(exponent - 1) // 2]
        return source

    def powers(self, base: int, q: int) -> np.ndarray:
        """base^0 .. base^(N - 1) mod q, uint64 (N,)."""
        powers = np.ones(1, dtype=np.uint64)
        while len(powers) < self.N:
            step = pow(base, len(powers), q)
            powers = np.concatenate((powers, self.multiply(powers, step, q)))
        return powers


def _multiply_narrow(a: np.ndarray, b: np.ndarray | np.uint64, q: int) -> np.ndarray:
    """a b mod q for a below q and b below 2^50.

    float64 a, b, q and the two operations err by at most 2^-53 each, in all by less than 2^-50.6
    of a quotient below 2^50: by less than one.
    """
    quotient = a.astype(np.float64) * np.asarray(b).astype(np.float64) / np.float64(q)
    rest = a * b - quotient.astype(np.uint64) * np.uint64(q)
    # In [-q, 2q), wrapped: a negative rest is near 2^64, where adding q brings it back.
    rest = _smaller(rest, rest + np.uint64(q))
    return _smaller(rest, rest - np.uint64(q))


def _smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(a, b))


@functools.lru_cache(maxsize=256)
def smallest_root(q: int, order: int) -> int:
    """The smallest primitive root of unity of an order that is a power of two, modulo a prime q.

    Raises `ExecutionError` where there is none.
    """
    root = 0
    if q % order == 1:  # every second candidate then gives a primitive root
        roots = (pow(candidate, (q - 1) // order, q) for candidate in range(2, min(q, 500)))
        root = next((r for r in roots if pow(r, order // 2, q) == q - 1), 0)
    if not root:
        raise ExecutionError(
            f"modulus {q} has no transform: a prime that is 1 modulo {order} is needed"
        )
    arithmetic = LimbArithmetic(order // 2)
    odd = arithmetic.multiply(arithmetic.powers(root * root % q, q), root, q)
    return int(odd.min())


@functools.lru_cache(maxsize=16)
def bit_reversal(N: int) -> np.ndarray:
    """The permutation i -> brv(i) of log2(N) bits, int64 (N,)."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < N:
        order = np.concatenate((2 * order, 2 * order + 1))
    return order
