"""`NTTTables`: the read-only constants and twiddle factors of a list of moduli.

Order of the twiddles: ``w[m + i] = psi^brv(m + i)`` for stage m = 1, 2, 4, .. and group i < m, where
brv reverses log2(N) bits and psi is the smallest primitive 2N-th root (Longa and Naehrig, CANS
2016, Algorithms 1 and 2). Transforms therefore take coefficients in natural order to evaluations
in bit-reversed order and back.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from ntt.errors import ModulusError
from ntt.modulus import check_ntt_modulus, check_ring_degree, primitive_root
from ntt.reduction import barrett

# Columns of `BackendTables.constants`; W is the word size of the backend (64 or 52 bits).
Q = 0  # the modulus
MU = 1  # floor(2^(n - 2 + W) / q), n = bits(q)
SHIFT = 2  # n - 2
RADIX = 3  # 2^W mod q
RADIX_SHOUP = 4
ONE_SHOUP = 5  # floor(2^W / q)
N_INVERSE = 6  # N^-1 mod q
N_INVERSE_SHOUP = 7
N_INVERSE_W = 8  # N^-1 w_inverse[1] mod q: the last inverse stage with 1/N folded in
N_INVERSE_W_SHOUP = 9
COLUMNS = 10


class BackendTables(NamedTuple):
    """What a backend's kernels read, one row a modulus; all uint64 and read-only.

    `constants` is (limbs, COLUMNS); the twiddles and their Shoup constants are (limbs, N).
    """

    constants: np.ndarray
    w: np.ndarray
    w_shoup: np.ndarray
    w_inverse: np.ndarray
    w_inverse_shoup: np.ndarray


class NTTTables:
    """Constants and twiddles of `moduli` for ring degree N; read-only.

    N: power of two, 2^3 to 2^17. moduli: distinct primes q = 1 mod 2N below 2^61.
    Raises `RingDegreeError` or `ModulusError`. Twiddles are computed on first use and shared
    between all tables that contain the same prime.
    """

    def __init__(self, N: int, moduli: Sequence[int]) -> None:
        check_ring_degree(N)
        self.N = N
        self.moduli = tuple(int(q) for q in moduli)
        if not self.moduli:
            raise ModulusError("no moduli given: at least one prime is needed")
        if len(set(self.moduli)) != len(self.moduli):
            raise ModulusError(f"moduli are not distinct: {self.moduli}")
        for q in self.moduli:
            check_ntt_modulus(q, N)
        self.row_of = {q: row for row, q in enumerate(self.moduli)}
        self._rows = np.arange(len(self.moduli), dtype=np.int64)
        self._by_word: dict[int, BackendTables] = {}

    def __repr__(self) -> str:
        bits = [q.bit_length() for q in self.moduli]
        return f"NTTTables(N={self.N}, {len(bits)} moduli of {min(bits)}-{max(bits)} bits)"

    @property
    def largest_modulus_bits(self) -> int:
        """Bit length of the largest modulus."""
        return max(self.moduli).bit_length()

    @property
    def all_rows(self) -> np.ndarray:
        """``arange(limbs)``: the rows argument that means every modulus in order."""
        return self._rows

    def rows(self, moduli: Sequence[int]) -> np.ndarray:
        """The row of each of `moduli`, int64; raises `ModulusError` for a modulus not in here."""
        missing = [q for q in moduli if q not in self.row_of]
        if missing:
            raise ModulusError(f"moduli {missing} are not in {self!r}")
        return np.array([self.row_of[q] for q in moduli], dtype=np.int64)

    def for_word(self, word_bits: int) -> BackendTables:
        """The tables with Shoup constants for a word of `word_bits` bits (64 or 52)."""
        if word_bits not in self._by_word:
            rows = [_tables_of_prime(self.N, q, word_bits) for q in self.moduli]
            stacked = [np.ascontiguousarray(np.stack(column)) for column in zip(*rows)]
            for array in stacked:
                array.setflags(write=False)
            self._by_word[word_bits] = BackendTables(*stacked)
        return self._by_word[word_bits]


@functools.lru_cache(maxsize=256)
def _tables_of_prime(N: int, q: int, word_bits: int) -> BackendTables:
    modulus = check_ntt_modulus(q, N)
    psi = primitive_root(q, 2 * N)
    order = bit_reversal(N)
    w = _powers(psi, N, q)[order]
    w_inverse = _powers(pow(psi, -1, q), N, q)[order]
    radix = (1 << word_bits) % q
    n_inverse = pow(N, -1, q)
    n_inverse_w = n_inverse * int(w_inverse[1]) % q
    constants = np.zeros(COLUMNS, dtype=np.uint64)
    constants[Q] = q
    constants[MU] = modulus.barrett_mu(word_bits)
    constants[SHIFT] = modulus.bits - 2
    constants[RADIX] = radix
    constants[RADIX_SHOUP] = modulus.shoup(radix, word_bits)
    constants[ONE_SHOUP] = modulus.shoup(1, word_bits)
    constants[N_INVERSE] = n_inverse
    constants[N_INVERSE_SHOUP] = modulus.shoup(n_inverse, word_bits)
    constants[N_INVERSE_W] = n_inverse_w
    constants[N_INVERSE_W_SHOUP] = modulus.shoup(n_inverse_w, word_bits)
    return BackendTables(
        constants,
        w,
        shoup_constants(w, q, word_bits),
        w_inverse,
        shoup_constants(w_inverse, q, word_bits),
    )


def bit_reversal(N: int) -> np.ndarray:
    """The permutation i -> brv(i) of log2(N) bits, int64 (N,)."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < N:
        order = np.concatenate((2 * order, 2 * order + 1))
    return order


def shoup_constants(w: np.ndarray, q: int, word_bits: int) -> np.ndarray:
    """``floor(w 2^W / q)`` for each w in [0, q), exactly; uint64, same shape.

    q is odd, so the exact quotient (w 2^W - (w 2^W mod q)) / q is a product with q^-1 mod 2^64.
    """
    remainder = multiply_modulo(w, (1 << word_bits) % q, q)
    shifted = w << np.uint64(word_bits) if word_bits < 64 else np.zeros_like(w)
    inverse = np.uint64(pow(q, -1, 1 << 64))
    return (shifted - remainder) * inverse


def multiply_modulo(a: np.ndarray, b: int, q: int) -> np.ndarray:
    """``a * b mod q`` for a uint64 array in [0, q) and an integer b in [0, q)."""
    modulus = check_reducible(q)
    out = np.empty_like(a)
    _multiply_flat(out.reshape(-1), np.ascontiguousarray(a).reshape(-1), np.uint64(b), *modulus)
    return out


def check_reducible(q: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    """(q, mu, shift): the arguments of `ntt.reduction.barrett` after the factors."""
    shift = q.bit_length() - 2
    return np.uint64(q), np.uint64((1 << (shift + 64)) // q), np.uint64(shift)


def _powers(base: int, count: int, q: int) -> np.ndarray:
    """``base^0 .. base^(count - 1) mod q``, uint64, count a power of two; by doubling."""
    powers = np.ones(1, dtype=np.uint64)
    while len(powers) < count:
        step = pow(base, len(powers), q)
        powers = np.concatenate((powers, multiply_modulo(powers, step, q)))
    return powers


@njit(cache=True, nogil=True)
def _multiply_flat(out, a, b, q, mu, shift):
    for i in range(a.size):
        out[i] = barrett(a[i], b, q, mu, shift)
