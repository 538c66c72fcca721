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

SCRATCH = _VALUES, _LIMBS, _FOUND = "centred values", "lifting", "lifted"
"""Names of the scratch memory that holds values, or what they are computed from."""


class CentredCoefficients:
    """Transformed residues to coefficients in (-Q/2, Q/2)."""

    def __init__(self, context: RNSContext) -> None:
        self._context = context
        self._two_limbs: dict[int, TwoLimbs] = {}

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """data (level + 1, N) to (N,) float64 in scratch memory.

        Each value is off by at most (level + 2) 2^-52 of its magnitude.
        """
        limbs, N = data.shape
        ops = self._context.q(limbs - 1)
        out = workspace(_VALUES, (N,)).view(np.float64)
        if limbs == 1:
            residues = ops.inverse(_copied(data))
            _kernels.centred_residues(out, residues[0].view(np.int64), ops.moduli[0])
        # Two limbs hold what is left of almost every decryption.
        elif not self._in_two_limbs(limbs - 1)(out, data):
            residues = ops.inverse(_copied(data))
            moduli = np.array(ops.moduli, dtype=np.uint64)
            _kernels.centred_values(out, residues, moduli, *_garner_constants(ops.moduli))
        return out

    def _in_two_limbs(self, level: int) -> TwoLimbs:
        if level not in self._two_limbs:
            self._two_limbs[level] = TwoLimbs(self._context, level)
        return self._two_limbs[level]


def _copied(data: np.ndarray) -> np.ndarray:
    residues = workspace(_LIMBS, data.shape)
    np.copyto(residues, data)
    return residues


class TwoLimbs:
    """Values that the first two primes hold: x = r + q_0 h with r in [0, q_0), |h| <= q_1 / 2.

    Such an x is the value in (-Q/2, Q/2), which is unique, if it has the residues of every other
    limb as well; with no other limb, if |h| < (q_1 - 1) / 2.
    """

    def __init__(self, context: RNSContext, level: int) -> None:
        q0, q1 = context.q(1).moduli
        self._q0, self._half = q0, q1 // 2
        self._first = context.limbs((1, 0))
        self._second = context.limbs((1,))
        # h + half = (r_1 - r_0) / q_0 + half modulo q_1, from (r_1, r_0).
        inverse = pow(q0, -1, q1)
        self._quotient = BasisChange([[inverse, -inverse]], [self._half], (q1,))
        step = max(1, _WORDS // context.params.N)
        self._others = []
        for first in range(2, level + 1, step):
            rows = tuple(range(first, min(first + step, level + 1)))
            ops = context.limbs(rows)
            count = len(rows)
            value = BasisChange([[1, q0]] * count, [-self._half * q0] * count, ops.moduli)
            self._others.append((slice(first, first + count), ops, value))

    def __call__(self, out: np.ndarray, data: np.ndarray) -> bool:
        """out (N,) = the values; False if one is not held by two limbs."""
        N = data.shape[1]
        rows = workspace(_LIMBS, (3, N))
        np.copyto(rows[:2], data[1::-1])
        self._first.inverse(rows[:2])
        self._second.convert(rows[2:], rows[:2], self._quotient)
        low, high = rows[1:].view(np.int64)
        if not _kernels.joined_limbs(out, low, high, self._q0, self._half):
            return False
        for limbs, ops, value in self._others:
            found = workspace(_FOUND, (len(ops.moduli), N))
            if not np.array_equal(ops.convert_forward(found, rows[1:], value), data[limbs]):
                return False
        return True


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
