"""Exact division of polynomials by primes of their modulus, and changes of modulus."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ntt.constants import BasisChange, LimbDivision, Scalars
from ntt.hoisting import VectorMoves
from ntt.kernels import KernelModule
from ntt.limbs import LimbOps
from ntt.memory import large_array
from ntt.workspace import workspace

_kernels = KernelModule("he.rlwe.rns_kernels")

# Errors of fresh ciphertexts (`he.rlwe.sampling.gaussian`) are far smaller.
_ADDEND_BOUND = 1 << 12


class Division:
    """mod_down, rescale and changes of modulus: ``round(x K / D)``.

    D is the product of the last limbs of x, which are dropped, K that of the primes that come, 1 by
    default. Exact rounding: half of D is added to x K, the remainder is lifted with the overflow
    count of Halevi, Polyakov, Shoup (CT-RSA 2019, section 2.3) and subtracted, and D^-1 multiplied.
    """

    def __init__(
        self,
        limbs: Callable[[tuple[int, ...]], LimbOps],
        rows: tuple[int, ...],
        dropped: int,
        coming: tuple[int, ...] = (),
    ) -> None:
        kept, lost = rows[:-dropped], rows[-dropped:]
        self.kept = len(kept)
        self.limbs = len(kept) + len(coming)
        self._kept_ops, self._lost_ops, self._coming_ops = limbs(kept), limbs(lost), limbs(coming)
        moduli, coming_moduli = self._lost_ops.moduli, self._coming_ops.moduli
        self._D, self._K = D, K = math.prod(moduli), math.prod(coming_moduli)
        half = D // 2
        inverses, cofactors = crt_weights(moduli)
        self._lost_moduli = np.array(moduli, dtype=np.uint64)
        self._many = dropped > 1
        self._inverses = None
        if self._many or coming:
            self._inverses = Scalars([i * K for i in inverses], moduli)
        # What half of D adds to the terms.
        factors = inverses if self._many else [1]
        shifts = [half * f % d for f, d in zip(factors, moduli, strict=True)]
        self._shifts = np.array(shifts, dtype=np.uint64)
        self._reciprocals = np.array([1 / d for d in moduli])
        self._weights = [*cofactors, -D] if self._many else cofactors
        self._offset = -half
        kept_moduli = self._kept_ops.moduli
        self._factors = Scalars([K * pow(D, -1, q) for q in kept_moduli], kept_moduli)

    @functools.cached_property
    def constants(self) -> LimbDivision:
        """The same division for kernels that do more than divide; no primes come."""
        return LimbDivision((*self._kept_ops.moduli, *self._lost_ops.moduli), self.kept)

    @functools.cached_property
    def _change(self) -> BasisChange:
        """The terms of the remainder, over K, to the kept limbs."""
        return self._to_kept([], 0)

    @functools.cached_property
    def _change_less_addend(self) -> BasisChange:
        """The same with one more term, which is the addend + _ADDEND_BOUND, subtracted."""
        return self._to_kept([-1], _ADDEND_BOUND)

    def _to_kept(self, more: list[int], shift: int) -> BasisChange:
        moduli = self._kept_ops.moduli
        inverses = [pow(self._K, -1, q) for q in moduli]
        weights = [[*(w * inverse for w in self._weights), *more] for inverse in inverses]
        offsets = [self._offset * inverse + shift for inverse in inverses]
        return BasisChange(weights, offsets, moduli)

    @functools.cached_property
    def _coming_change(self) -> BasisChange:
        """The terms of the remainder to the limbs that come, over -D: there x K is 0."""
        moduli = self._coming_ops.moduli
        factors = [pow(-self._D, -1, q) for q in moduli]
        weights = [[w * factor for w in self._weights] for factor in factors]
        return BasisChange(weights, [self._offset * factor for factor in factors], moduli)

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """x (limbs, N), transformed -> (kept limbs and those that come, N), transformed."""
        if out is None:
            out = large_array((self.limbs, x.shape[-1]))
        self.parts(x[None], out[None])
        return out

    def parts(
        self,
        x: np.ndarray,
        out: np.ndarray,
        addend: np.ndarray | None = None,
        image: VectorMoves | None = None,
        secret: bool = False,
    ) -> np.ndarray:
        """The quotients of several parts: x (parts, limbs, N) -> out (parts, limbs of a call, N).

        Where no prime comes, addend (kept limbs, N), transformed, is added to part 0; then all are
        permuted by `image`. secret: as in `LimbOps.divide`; the scratch memory "division" remains.
        """
        kept, terms = self.kept, self._terms(x)
        if kept == self.limbs:
            return self._kept_ops.divide(
                out, x[:, :kept], terms, self._change, self._factors, addend, image, secret
            )
        assert addend is None
        assert image is None
        for part, of_part, quotient in zip(x, terms, out, strict=True):
            if kept:
                self._kept_ops.divide(
                    quotient[:kept], part[:kept], of_part, self._change, self._factors,
                    secret=secret,
                )
            self._coming_ops.convert_forward(quotient[kept:], of_part, self._coming_change)
        return out

    def of_sum(self, out: np.ndarray, kept: np.ndarray, last: np.ndarray) -> np.ndarray:
        """out (limbs - 1, N) = ``round((x + e) / D)`` for D of one prime, where no prime comes, for
        the price of no transform of the small polynomial e.

        kept (limbs - 1, N): the other limbs of x, transformed. last (2, N): the dropped limb, and
        e as int64 coefficients, below 2^12 in absolute value and below D. Both are overwritten.
        They are secrets, of which scratch memory keeps nothing.
        """
        self._lost_ops.inverse(last[:1])
        _kernels.add_small(
            last[0], last[1].view(np.int64), self._lost_moduli[0], self._shifts[0], _ADDEND_BOUND
        )
        change = self._change_less_addend
        return self._kept_ops.divide(out, kept, last, change, self._factors, secret=True)

    def _terms(self, x: np.ndarray) -> np.ndarray:
        """The remainders' terms, (parts, terms, N): one a dropped prime, and the overflow if they
        are many.
        """
        dropped, many = len(self._shifts), self._many
        terms = workspace("division", (len(x), dropped + many, x.shape[-1]))
        for part, of_part in zip(x, terms, strict=True):
            lost = part[self.kept :]
            self._lost_ops.inverse_affine(of_part[:dropped], lost, self._inverses, self._shifts)
            if many:
                _kernels.overflow_count(of_part[-1], of_part[:-1], self._reciprocals)
        return terms


def crt_weights(moduli: Sequence[int]) -> tuple[list[int], list[int]]:
    """(D / d_j)^-1 mod d_j and D / d_j for D the product of `moduli`."""
    product = math.prod(moduli)
    cofactors = [product // d for d in moduli]
    return [pow(c, -1, d) for c, d in zip(cofactors, moduli, strict=True)], cofactors
