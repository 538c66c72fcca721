"""Moves between Q, auxiliary bases and the plain modulus: the RNS arithmetic of the BFV scheme.

A residue vector x modulo D = d_1 .. d_n is written ``x = sum_i y_i (D / d_i) - v D`` with
``y_i = x (D / d_i)^-1 mod d_i`` and v the nearest integer to ``sum_i y_i / d_i``, so that x is the
representative in [-D/2, D/2] (Halevi, Polyakov, Shoup, CT-RSA 2019, section 2). v is computed in
float64 and may miss by one where x is within 2^-40 D of D/2; either representative is then of
absolute value below D/2 (1 + 2^-39), and every use here is correct for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from he.bfv.params import BFVParameters
from he.errors import NoiseBudgetExhaustedError
from he.rlwe.rns import context
from ntt.constants import BasisChange, Scalars
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import large_array
from ntt.workspace import secret_workspace

_kernels = KernelModule("he.bfv.kernels")

# Plaintexts of more bits are cut in two: kernels take sources below 2^50.
_WHOLE_BITS, _LOW_BITS = 50, 30

EXHAUSTED = 7 / 16
"""A decryption whose largest noise coefficient is beyond is refused. Noise that has wrapped around
is uniform in [-1/2, 1/2), so that it goes unseen with probability (7/8)^N at most."""


class CentredLift:
    """The terms (y_1, .., y_n, v) of ``factor x`` for x in coefficients modulo the primes of ops.

    factor: an integer, coprime to D or not.
    """

    def __init__(self, ops: LimbOps, factor: int = 1) -> None:
        self._ops = ops
        self.D = math.prod(ops.moduli)
        self._cofactors = [self.D // d for d in ops.moduli]
        inverses = [
            factor * pow(c, -1, d) for c, d in zip(self._cofactors, ops.moduli, strict=True)
        ]
        self._inverses = Scalars(inverses, ops.moduli)
        self._reciprocals = np.array([1 / d for d in ops.moduli])

    def __len__(self) -> int:
        return len(self._cofactors) + 1

    def terms(self, out: np.ndarray, x: np.ndarray) -> float:
        """out (n + 1, N) from x (n, N); returns the largest |x| / D, x centred."""
        self._ops.multiply_scalar(out[:-1], x, self._inverses)
        return float(_kernels.nearest_multiple(out[-1], out[:-1], self._reciprocals))

    def change(self, moduli: tuple[int, ...], factors: Sequence[int] | None = None) -> BasisChange:
        """Terms to their value modulo `moduli`, times a factor for each of these."""
        weights = (*self._cofactors, -self.D)
        scaled = [[f * w for w in weights] for f in factors or [1] * len(moduli)]
        return BasisChange(scaled, [0] * len(moduli), moduli)


class PlainLift:
    """Polynomials modulo t to polynomials modulo Q at one level, and back.

    Made by `plain_lift`; everything modulo Q is in the transformed domain.
    """

    def __init__(self, params: BFVParameters, level: int) -> None:
        self._ops: LimbOps = context(params).q(level)
        self._t = t = params.t
        moduli = self._ops.moduli
        Q = math.prod(moduli)
        self._split = t.bit_length() > _WHOLE_BITS
        pieces = [1, 1 << _LOW_BITS] if self._split else [1]
        self._rest = np.uint64(Q % t), np.uint64((Q % t << 64) // t)
        self._scaling = self._change([Q // t * p for p in pieces] + pieces, 0)
        self._centring = self._change(pieces, -(t // 2))
        self._lift = CentredLift(self._ops, t)
        # m is -[t x]_Q / Q modulo t.
        weights = [-pow(q, -1, t) % t for q in moduli] + [1]
        self._to_plain = Scalars(weights, [t] * len(weights))

    def _change(self, weights: Sequence[int], offset: int) -> BasisChange:
        count = len(self._ops.moduli)
        return BasisChange([list(weights)] * count, [offset] * count, self._ops.moduli)

    def scaled(self, m: np.ndarray) -> np.ndarray:
        """round(Q m / t): m uint64 (N,) in [0, t) -> a new (limbs, N).

        Q m / t = floor(Q / t) m + (Q mod t) m / t, with only the second rounded.
        """
        rounded = large_array(m.shape)
        _kernels.scaling_remainder(rounded, m, np.uint64(self._t), *self._rest)
        pieces = self._sources(m), self._sources(rounded)
        # Faster than `np.stack` of the rows.
        sources = np.concatenate(pieces, out=large_array((2 * len(pieces[0]), m.size)))
        return self._ops.convert_forward(self._out(m), sources, self._scaling)

    def centred(self, m: np.ndarray) -> np.ndarray:
        """m itself, its coefficients in [-t/2, t/2): uint64 (N,) -> a new (limbs, N)."""
        shifted = m + np.uint64(self._t // 2)
        np.minimum(shifted, shifted - np.uint64(self._t), out=shifted)
        return self._ops.convert_forward(self._out(m), self._sources(shifted), self._centring)

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """round(t x / Q) mod t, exactly: x (limbs, N), spent -> a new uint64 (N,).

        It is ``(t x - [t x]_Q) / Q``, the remainder centred, of which the first vanishes modulo t.
        Raises `NoiseBudgetExhaustedError` where a remainder is within Q / 16 of Q / 2: only there
        could float64 have rounded to the wrong side. The error says no more of the noise: a noise
        that is known to whoever reads logs gives the secret away.
        """
        self._ops.inverse(x)
        out = large_array((1, x.shape[-1]))
        with secret_workspace("bfv remainder", (len(self._lift), x.shape[-1])) as terms:
            if self._lift.terms(terms, x) > EXHAUSTED:
                raise NoiseBudgetExhaustedError(
                    "the noise of the ciphertext has reached its message, which is lost: compute "
                    "less, or build parameters with a larger depth or more spare_bits"
                )
            _kernels.weighted_sum(out[0], terms, *self._to_plain.of(64), np.uint64(self._t))
        result: np.ndarray = out[0]
        return result

    def scaled_residues(self, x: np.ndarray) -> list[int]:
        """[t x]_Q centred, as Python integers: the invariant noise times Q. x is spent."""
        self._ops.inverse(x)
        moduli = self._ops.moduli
        Q = math.prod(moduli)
        total = sum(
            row.astype(object) * (self._t * pow(Q // q, -1, q) * (Q // q))
            for row, q in zip(x, moduli, strict=True)
        )
        centred: list[int] = list((total + Q // 2) % Q - Q // 2)
        return centred

    def _sources(self, m: np.ndarray) -> np.ndarray:
        if not self._split:
            return m[None, :]
        low = np.uint64(_LOW_BITS)
        pieces = (m & np.uint64((1 << _LOW_BITS) - 1), m >> low)
        return np.stack(pieces, out=large_array((2, m.size)))

    def _out(self, m: np.ndarray) -> np.ndarray:
        return large_array((len(self._ops.moduli), m.size))


def plain_lift(params: BFVParameters, level: int) -> PlainLift:
    """The `PlainLift` of a level, made once."""
    return context(params).companion(PlainLift, level)
