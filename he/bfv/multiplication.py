"""The product of two BFV ciphertexts in full RNS.

The product of a(s) and b(s) has to be scaled by t / Q and rounded. With an auxiliary modulus R >= Q
(Kim, Polyakov, Zucca, ASIACRYPT 2021, section 4, "HPSPoverQ"):

1. a is lifted to Q R: its representative in [-Q/2, Q/2] modulo R.
2. b' = round(R b / Q) is computed modulo R, as ``-[R b]_Q / Q`` since R vanishes there, and lifted
   to Q R.
3. the tensor x of a and b' is taken modulo Q R; where it wraps, it changes by a multiple of Q R.
4. round(t x / R) modulo Q is ``(t x - [t x]_R) / R``, the remainder centred and lifted to Q.

A wrap adds a multiple of t Q to the result, and another representative of a or b' adds t times a
small integer polynomial times the other factor: noise like that of the product, and never an error
in the message. Divisions are rounded to nearest (to within 2^-39), so the product decrypts to the
product of the messages whenever its noise is below 1/2; `NoiseModel.multiply` bounds it.
"""

from __future__ import annotations

import math

import numpy as np

from he.bfv.lift import CentredLift
from he.bfv.params import BFVParameters
from he.rlwe.rns import RNSChain, context
from ntt.constants import BasisChange, Scalars
from ntt.memory import large_array
from ntt.modulus import find_primes
from ntt.workspace import workspace

_FAST_BITS, _LARGEST_BITS = 50, 61


def auxiliary_chain(params: BFVParameters) -> RNSChain:
    """The primes of Q at the top level, then those of R; made once."""
    return context(params).companion(_auxiliary_chain)


def _auxiliary_chain(params: BFVParameters) -> RNSChain:
    """R has the largest primes that the kernels of Q hold."""
    fits = max(params.q) < 1 << _FAST_BITS
    bits = _FAST_BITS if fits else _LARGEST_BITS
    taken = (*params.q, *params.p)
    count = len(params.q) + 1
    found = find_primes(bits, params.N, count + 4, exclude=taken)
    usable = [r for r in found if params.t % r][:count]
    return RNSChain(params.N, (*params.q, *usable))


class Multiplication:
    """Products at one level. Operands (2, limbs, N) and results (3, limbs, N), transformed."""

    def __init__(self, params: BFVParameters, level: int) -> None:
        chain = auxiliary_chain(params)
        first = len(params.q)
        self._limbs, self._N = level + 1, params.N
        self._q = chain.limbs(tuple(range(level + 1)))
        self._r = chain.limbs(tuple(range(first, first + self._r_count(chain, first, level))))
        self._wide = len(self._r.moduli)
        lift_q, lift_r = CentredLift(self._q), CentredLift(self._r)
        R, t = lift_r.D, params.t
        self._extend = lift_q, lift_q.change(self._r.moduli)
        # b' = -[R b]_Q / Q: the terms' weights Q / q_i and -Q, divided by -Q.
        scaled = [[-pow(q, -1, r) for q in self._q.moduli] + [1] for r in self._r.moduli]
        zeros = [0] * self._wide
        self._scale = CentredLift(self._q, R), BasisChange(scaled, zeros, self._r.moduli)
        self._r_lift, self._to_q = lift_r, lift_r.change(self._q.moduli)
        # (t x - [t x]_R) / R is (x - [t x]_R / t) (t / R), so that t x is never formed modulo Q.
        inverses = [pow(t, -1, q) for q in self._q.moduli]
        self._divide = CentredLift(self._r, t), lift_r.change(self._q.moduli, inverses)
        self._factors = Scalars([t * pow(R, -1, q) for q in self._q.moduli], self._q.moduli)

    @staticmethod
    def _r_count(chain: RNSChain, first: int, level: int) -> int:
        """The fewest primes of R whose product is at least Q at `level`, to within 2^-10."""
        Q = math.prod(chain.tables.moduli[: level + 1])
        R, count = 1, 0
        while R < Q - (Q >> 10):
            R *= chain.tables.moduli[first + count]
            count += 1
        return count

    def __call__(
        self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """The three parts of the product, default new; a and b may be the same array."""
        N, limbs, wide = self._N, self._limbs, self._wide
        a_r = workspace("bfv factor a in R", (2, wide, N))
        b_q = workspace("bfv factor b in Q", (2, limbs, N))
        b_r = workspace("bfv factor b in R", (2, wide, N))
        coefficients = workspace("bfv coefficients", (limbs, N))
        for part in range(2):
            np.copyto(coefficients, a[part])
            self._q.inverse(coefficients)
            self._lift(a_r[part], coefficients)
            if b is not a:
                np.copyto(coefficients, b[part])
                self._q.inverse(coefficients)
            self._lift_scaled(b_q[part], b_r[part], coefficients)
        x_q = workspace("bfv product in Q", (3, limbs, N))
        x_r = workspace("bfv product in R", (3, wide, N))
        self._q.tensor(x_q, a, b_q)
        self._r.tensor(x_r, a_r, b_r)
        if out is None:
            out = large_array((3, limbs, N))
        terms = workspace("bfv terms of R", (wide + 1, N))
        self._r.inverse(x_r)
        remainder, change = self._divide
        for part in range(3):
            remainder.terms(terms, x_r[part])
            self._q.divide(out[part], x_q[part], terms, change, self._factors)
        return out

    def _lift(self, out: np.ndarray, x: np.ndarray) -> None:
        """out (limbs_R, N), transformed, = the representative of x in [-Q/2, Q/2]."""
        lift, change = self._extend
        terms = workspace("bfv terms of Q", (len(lift), self._N))
        lift.terms(terms, x)
        self._r.convert_forward(out, terms, change)

    def _lift_scaled(self, out_q: np.ndarray, out_r: np.ndarray, x: np.ndarray) -> None:
        """Both halves, transformed, of round(R x / Q)."""
        lift, change = self._scale
        terms = workspace("bfv terms of Q", (len(lift), self._N))
        lift.terms(terms, x)
        self._r.convert(out_r, terms, change)
        r_terms = workspace("bfv terms of R", (self._wide + 1, self._N))
        self._r_lift.terms(r_terms, out_r)
        self._q.convert_forward(out_q, r_terms, self._to_q)
        self._r.forward(out_r)


def multiplication(params: BFVParameters, level: int) -> Multiplication:
    """The `Multiplication` of a level, made once."""
    return context(params).companion(Multiplication, level)
