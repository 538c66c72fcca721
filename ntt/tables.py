"""`NTTTables`: the read-only constants and twiddle factors of a list of moduli.

Order of the twiddles: ``w[m + i] = psi^brv(m + i)`` for stage m = 1, 2, 4, .. and group i < m,
where brv reverses log2(N) bits and psi is the smallest primitive 2N-th root (Longa and Naehrig,
CANS 2016, Algorithms 1 and 2). Transforms therefore take coefficients in natural order to
evaluations in bit-reversed order and back.

`ntt.backends.layout` says where each number lies in the array that kernels read.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from ntt.backends.layout import (
    COLUMNS,
    FLOAT_BITS,
    FLOAT_Q,
    FLOAT_Q_INVERSE,
    FLOAT_WIDE,
    LANES_OF_LAST_STAGE,
    LANES_OF_STAGE_BEFORE,
    MU,
    N_INVERSE,
    N_INVERSE_SHOUP,
    N_INVERSE_W,
    N_INVERSE_W_SHOUP,
    ONE_SHOUP,
    RADIX,
    RADIX_SHOUP,
    SHIFT,
    VECTOR_WORD_BITS,
    Q,
)
from ntt.caching import cached_within
from ntt.errors import ModulusError, RingDegreeError
from ntt.kernels import KernelModule
from ntt.memory import aligned_array
from ntt.modulus import check_ntt_modulus, check_ring_degree, primitive_root

_kernels = KernelModule("ntt.reduction")

_KEPT_BYTES = 64 << 20
"""How much of the rows of recent primes is kept, for parameter sets that share primes."""


class NTTTables:
    """Constants and twiddles of `moduli` for ring degree N; read-only.

    N: a power of two from 2^3 to 2^17. moduli: distinct primes q = 1 mod 2N below 2^61. Raises
    `RingDegreeError` or `ModulusError`. Twiddles are computed when they are first needed.
    """

    def __init__(self, N: int, moduli: Sequence[int]) -> None:
        check_ring_degree(N)
        self.N = self._outer_N = N
        self.moduli = tuple(int(q) for q in moduli)
        if not self.moduli:
            raise ModulusError("no moduli given: at least one prime is needed")
        if len(set(self.moduli)) != len(self.moduli):
            raise ModulusError(f"moduli are not distinct: {self.moduli}")
        for q in self.moduli:
            check_ntt_modulus(q, N)
        self.row_of = {q: row for row, q in enumerate(self.moduli)}
        self._rows = np.arange(len(self.moduli), dtype=np.int64)
        self._by_word: dict[int, np.ndarray] = {}
        self._subrings: dict[int, NTTTables] = {}
        self._mirrored: NTTTables | None = None
        self._is_mirrored = False

    def __repr__(self) -> str:
        bits = [q.bit_length() for q in self.moduli]
        return f"NTTTables(N={self.N}, {len(bits)} moduli of {min(bits)}-{max(bits)} bits)"

    @property
    def largest_modulus_bits(self) -> int:
        """Bit length of the largest modulus."""
        return max(self.moduli).bit_length()

    @property
    def all_rows(self) -> np.ndarray:
        """``arange(limbs)``, int64: the `rows` argument that stands for every modulus in order."""
        return self._rows

    def rows(self, moduli: Sequence[int]) -> np.ndarray:
        """The row of each of `moduli`, int64 (moduli,).

        Raises `ModulusError` for a modulus that these tables do not hold.
        """
        missing = [q for q in moduli if q not in self.row_of]
        if missing:
            raise ModulusError(f"moduli {missing} are not in {self!r}")
        return np.array([self.row_of[q] for q in moduli], dtype=np.int64)

    def subring(self, N: int) -> NTTTables:
        """The tables of the polynomials in X^g, g = own N / N, as a ring of degree N.

        Their root is psi^g. So the evaluations of p(X^g) in this ring are those of p in the other
        one, each g times in a row. Raises `RingDegreeError` unless N is a power of two from 2^3 to
        the own N.
        """
        if N not in self._subrings:
            tables = NTTTables(N, self.moduli)
            if N > self.N or self._is_mirrored:
                raise RingDegreeError(f"a ring of degree {self.N} has no subring of degree {N}")
            tables._outer_N = self._outer_N
            self._subrings[N] = tables
        return self._subrings[N]

    def mirrored(self) -> NTTTables:
        """The tables of the polynomials p(X) = p(1/X), as a ring of half the degree.

        The evaluations of such a p read the same forwards and backwards, since the roots of columns
        k and N - 1 - k are inverses. The first half of them are those of p mod X^(N/2) - u, where
        u = psi^(N/2) is the `imaginary_unit`. Coefficient j of this remainder is
        p_j - u p_(N/2 - j), and p_0 for j = 0. `forward` of these tables takes the remainder, and
        `inverse` gives it back. Raises `RingDegreeError` below N = 16, and for tables that are
        mirrored themselves.
        """
        if self._mirrored is None:
            if self._is_mirrored:
                raise RingDegreeError("the tables of mirrored evaluations have no such tables")
            half = NTTTables(self.N // 2, self.moduli)
            half._outer_N, half._is_mirrored = self._outer_N, True
            self._mirrored = half
        return self._mirrored

    def imaginary_unit(self, q: int) -> int:
        """psi^(N/2) modulo the prime q, a square root of -1; subrings have the same one."""
        return _imaginary_unit(self._outer_N, q)

    def for_word(self, word_bits: int) -> np.ndarray:
        """The tables of the kernels: uint64 (moduli, COLUMNS + 4 N), read-only, of `layout`.

        word_bits: 64, 52, or `FLOAT_BITS` for float64.
        """
        if word_bits not in self._by_word:
            columns = COLUMNS + 4 * self.N
            stacked = aligned_array(len(self.moduli) * columns).reshape(-1, columns)
            for row, q in zip(stacked, self.moduli, strict=True):
                row[:] = _row_of_prime(self.N, q, word_bits, self._outer_N, self._is_mirrored)
            stacked.setflags(write=False)
            self._by_word[word_bits] = stacked
        return self._by_word[word_bits]


@cached_within(_KEPT_BYTES)
def _row_of_prime(
    N: int, q: int, word_bits: int, outer_N: int, mirrored: bool
) -> np.ndarray:
    modulus = check_ntt_modulus(q, N)
    whole = 2 * N if mirrored else N
    psi = pow(primitive_root(q, 2 * outer_N), outer_N // whole, q)
    order = bit_reversal(whole)
    if mirrored:
        order = order[_first_half_of_stages(N)]
    w = _powers(psi, whole, q)[order]
    w_inverse = _powers(pow(psi, -1, q), whole, q)[order]
    n_inverse = pow(N, -1, q)
    scale = np.array([n_inverse, n_inverse * int(w_inverse[1]) % q], dtype=np.uint64)
    constants = np.zeros(COLUMNS, dtype=np.uint64)
    constants[Q] = q
    if word_bits == FLOAT_BITS:
        floats = np.array([q, 1 / q, 2.0 ** (52 + modulus.bits)])
        constants[[FLOAT_Q, FLOAT_Q_INVERSE, FLOAT_WIDE]] = floats.view(np.uint64)
        factors = [float_factors(values, q) for values in (scale, w, w_inverse)]
    else:
        radix = (1 << word_bits) % q
        constants[MU] = modulus.barrett_mu(word_bits)
        constants[SHIFT] = modulus.bits - 2
        constants[RADIX] = radix
        constants[RADIX_SHOUP] = modulus.shoup(radix, word_bits)
        constants[ONE_SHOUP] = modulus.shoup(1, word_bits)
        if word_bits == VECTOR_WORD_BITS:
            w, w_inverse = in_order_of_lanes(w), in_order_of_lanes(w_inverse)
        factors = [
            (values, shoup_constants(values, q, word_bits)) for values in (scale, w, w_inverse)
        ]
    constants[[N_INVERSE, N_INVERSE_W]], constants[[N_INVERSE_SHOUP, N_INVERSE_W_SHOUP]] = factors[
        0
    ]
    return np.concatenate((constants, *factors[1], *factors[2]))


@functools.lru_cache(maxsize=1024)
def _imaginary_unit(N: int, q: int) -> int:
    return pow(primitive_root(q, 2 * N), N // 2, q)


def _first_half_of_stages(N: int) -> np.ndarray:
    """Where the twiddles of a ring of degree 2 N are that transform the first half of its columns.

    ``w[2 m + i]`` for stage m = 1, 2, .. and group i < m, and w[0]; int64 (N,).
    """
    stages = [1 << k for k in range(N.bit_length() - 1)]
    return np.concatenate(([0], *(np.arange(2 * m, 3 * m) for m in stages)))


def bit_reversal(N: int) -> np.ndarray:
    """The permutation i -> brv(i), which reverses log2(N) bits; int64 (N,), N a power of two."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < N:
        order = np.concatenate((2 * order, 2 * order + 1))
    return order


def in_order_of_lanes(w: np.ndarray) -> np.ndarray:
    """Twiddles (N,) with those of the last two stages in the order of the lanes that use them.

    Within each eight twiddles of the last stage, and of the one before: `LANES_OF_LAST_STAGE` and
    `LANES_OF_STAGE_BEFORE`. The same array where N < 32.
    """
    quarter = len(w) // 4
    if quarter < 8:
        return w
    ordered = w.copy()
    for start, stop, lanes in (
        (quarter, 2 * quarter, LANES_OF_STAGE_BEFORE),
        (2 * quarter, 4 * quarter, LANES_OF_LAST_STAGE),
    ):
        ordered[start:stop] = w[start:stop].reshape(-1, 8)[:, lanes].reshape(-1)
    return ordered


def float_factors(w: np.ndarray, q: int) -> tuple[np.ndarray, np.ndarray]:
    """(w as float64 in (-q/2, q/2), w / q rounded), both by their bits; uint64, same shape.

    w: uint64 in [0, q); q < 2^53.
    """
    signed = w.astype(np.int64) - np.where(w > np.uint64(q // 2), np.int64(q), np.int64(0))
    values = signed.astype(np.float64)
    return values.view(np.uint64), (values / q).view(np.uint64)


def shoup_constants(w: np.ndarray, q: int, word_bits: int) -> np.ndarray:
    """``floor(w 2^W / q)`` for each w, exactly; uint64, same shape. w: uint64 in [0, q); W <= 64.

    q is odd, so the exact quotient (w 2^W - (w 2^W mod q)) / q is a product with q^-1 mod 2^64.
    """
    remainder = multiply_modulo(w, (1 << word_bits) % q, q)
    shifted = w << np.uint64(word_bits) if word_bits < 64 else np.zeros_like(w)
    inverse = np.uint64(pow(q, -1, 1 << 64))
    return np.asarray((shifted - remainder) * inverse, dtype=np.uint64)


def multiply_modulo(a: np.ndarray, b: int, q: int) -> np.ndarray:
    """``a * b mod q``, uint64, same shape; a: uint64 in [0, q); b in [0, q); q of 3 to 61 bits."""
    modulus = _barrett_constants(q)
    out = np.empty_like(a)
    words = np.ascontiguousarray(a).reshape(-1)
    _kernels.multiply_each(out.reshape(-1), words, np.uint64(b), *modulus)
    return out


def _barrett_constants(q: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    """(q, mu, shift), as `ntt.reduction.barrett` takes them."""
    shift = q.bit_length() - 2
    return np.uint64(q), np.uint64((1 << (shift + 64)) // q), np.uint64(shift)


def _powers(base: int, count: int, q: int) -> np.ndarray:
    """``base^0 .. base^(count - 1) mod q``, uint64 (count,), by doubling; count a power of two."""
    powers = np.ones(1, dtype=np.uint64)
    while len(powers) < count:
        step = pow(base, len(powers), q)
        powers = np.concatenate((powers, multiply_modulo(powers, step, q)))
    return powers
