"""Residues to the centred values that they stand for, as float64."""

from __future__ import annotations

import functools
import math

import numpy as np

from he.rlwe.rns import RNSContext
from ntt.constants import BasisChange
from ntt.kernels import KernelModule
from ntt.workspace import workspace

_kernels = KernelModule("he.ckks.encoding.encoder_kernels")

# Limbs are compared in parts that stay in the second-level cache.
_WORDS = 1 << 17

SCRATCH = "lifting"
"""Name of the scratch memory that holds values and what they are computed from."""


class CentredCoefficients:
    """Transformed residues to coefficients in (-Q/2, Q/2)."""

    def __init__(self, context: RNSContext) -> None:
        self._context = context
        self._two_limbs: dict[int, TwoLimbs] = {}

    def __call__(self, data: np.ndarray, level: int) -> np.ndarray:
        """data (limbs, N) at `level` to (N,) float64 in scratch memory.

        Each value is off by at most (limbs + 1) 2^-52 of its magnitude.
        """
        limbs = len(data)
        # Two limbs hold what is left of almost every decryption.
        found = self._in_two_limbs(level)(data) if limbs > 1 else None
        return self._in_all_limbs(data, level) if found is None else found

    def _in_all_limbs(self, data: np.ndarray, level: int) -> np.ndarray:
        limbs, N = data.shape
        ops = self._context.q(level)
        memory = workspace(SCRATCH, (limbs + 1, N))
        out: np.ndarray = memory[0].view(np.float64)
        residues = memory[1:]
        np.copyto(residues, data)
        ops.inverse(residues)
        if limbs == 1:
            _kernels.centred_residues(out, residues[0].view(np.int64), ops.moduli[0])
        else:
            moduli = np.array(ops.moduli, dtype=np.uint64)
            _kernels.centred_values(out, residues, moduli, *_garner_constants(ops.moduli))
        return out

    def _in_two_limbs(self, level: int) -> TwoLimbs:
        if level not in self._two_limbs:
            self._two_limbs[level] = TwoLimbs(self._context, level)
        return self._two_limbs[level]


class TwoLimbs:
    """Values that the first two primes hold: x = r + q_0 h with r in [0, q_0), |h| <= q_1 / 2.

    Such an x is the value in (-Q/2, Q/2), which is unique, if it has the residues of every other
    limb as well; with no other limb, if |h| < (q_1 - 1) / 2.
    """

    def __init__(self, context: RNSContext, level: int) -> None:
        rows = context.q_rows(level)
        q0, q1 = context.q(level).moduli[:2]
        self._q0, self._half = q0, q1 // 2
        self._first = context.limbs((rows[1], rows[0]))
        self._second = context.limbs((rows[1],))
        # h + half = (r_1 - r_0) / q_0 + half modulo q_1, from (r_1, r_0).
        inverse = pow(q0, -1, q1)
        self._quotient = BasisChange([[inverse, -inverse]], [self._half], (q1,))
        step = max(1, _WORDS // context.params.N)
        self._others = []
        for first in range(2, len(rows), step):
            ops = context.limbs(rows[first : first + step])
            count = len(ops.moduli)
            value = BasisChange([[1, q0]] * count, [-self._half * q0] * count, ops.moduli)
            self._others.append((slice(first, first + count), ops, value))
        self._spare = max([1, *(len(ops.moduli) for _, ops, _ in self._others)])

    def __call__(self, data: np.ndarray) -> np.ndarray | None:
        """data (limbs, N) to (N,) float64 in scratch memory; None if two limbs do not hold all.
        """
        N = data.shape[1]
        memory = workspace(SCRATCH, (self._spare + 2, N))
        # (r_1, r_0, h): what other limbs should be, and then the values, takes the place of r_1.
        rows = memory[self._spare - 1 :]
        np.copyto(rows[:2], data[1::-1])
        self._first.inverse(rows[:2])
        self._second.convert(rows[2:], rows[:2], self._quotient)
        for limbs, ops, value in self._others:
            expected = ops.convert_forward(memory[: len(ops.moduli)], rows[1:], value)
            if not _kernels.all_equal(expected, data[limbs]):
                return None
        out, low, high = memory[0].view(np.float64), *rows[1:].view(np.int64)
        return out if _kernels.joined_limbs(out, low, high, self._q0, self._half) else None


@functools.lru_cache(maxsize=256)
def _garner_constants(moduli: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    count = len(moduli)
    rest = math.prod(moduli) // 2
    half = np.empty(count, dtype=np.uint64)
    for k, q in enumerate(moduli):
        rest, half[k] = divmod(rest, q)
    inverses = np.zeros((count, count), dtype=np.uint64)
    shoup = np.zeros((count, count), dtype=np.uint64)
    for k, q in enumerate(moduli):
        for j in range(k):
            inverse = pow(moduli[j], -1, q)
            inverses[k, j], shoup[k, j] = inverse, (inverse << 64) // q
    products = [math.prod(moduli[:k]) for k in range(count)]
    weights = np.array([float(p) if p.bit_length() < 1023 else math.inf for p in products])
    return half, inverses, shoup, weights
