"""Raising of the modulus: what bootstrapping begins with."""

from __future__ import annotations

import numpy as np

from he.rlwe.division import crt_weights
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from ntt.constants import BasisChange, Scalars
from ntt.kernels import KernelModule
from ntt.workspace import workspace

_kernels = KernelModule("he.rlwe.rns_kernels")


class ModulusRaising:
    """Polynomials modulo Q at level 0 to the same centred coefficients modulo Q at `level`.

    Exact: the terms of the Chinese remainder theorem are added, less the overflow count of Halevi,
    Polyakov, Shoup (CT-RSA 2019, section 2.3), as in `he.rlwe.division`. Made once by
    ``context(params).companion(ModulusRaising, level)``.
    """

    def __init__(self, params: RLWEParameters, level: int) -> None:
        moduli, Q = params.primes(0), params.modulus(0)
        half = Q // 2
        inverses, cofactors = crt_weights(list(moduli))
        self._many = len(moduli) > 1
        self._inverses = Scalars(inverses, moduli) if self._many else None
        shifts = [half * i % q for i, q in zip(inverses, moduli, strict=True)]
        self._shifts = np.array(shifts, dtype=np.uint64)
        self._reciprocals = np.array([1 / q for q in moduli])
        weights = [*cofactors, -Q] if self._many else cofactors
        raised = params.primes(level)
        self._change = BasisChange([weights] * len(raised), [-half] * len(raised), raised)
        self._level = level

    def __call__(self, params: RLWEParameters, x: np.ndarray, out: np.ndarray) -> np.ndarray:
        """x (parts, limbs of level 0, N) -> out (parts, limbs of the level, N), transformed."""
        rows = context(params)
        below, above = rows.q(0), rows.q(self._level)
        limbs = len(self._shifts)
        terms = workspace("raised terms", (limbs + self._many, x.shape[-1]))
        for part, raised in zip(x, out, strict=True):
            below.inverse_affine(terms[:limbs], part, self._inverses, self._shifts)
            if self._many:
                _kernels.overflow_count(terms[-1], terms[:-1], self._reciprocals)
            above.convert_forward(raised, terms, self._change)
        return out
