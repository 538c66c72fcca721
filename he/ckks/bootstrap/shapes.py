"""The work of the bootstrap of a parameter set, before anything of it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from he.ckks.bootstrap import cost
from he.ckks.bootstrap.switching import Shape
from he.ckks.params import CKKSParameters
from he.errors import ParameterError


@dataclass(frozen=True)
class ParameterShapes:
    """The sizes of a parameter set's levels, as `cost` asks for them."""

    params: CKKSParameters

    @property
    def top(self) -> int:
        """The highest level."""
        return self.params.max_level

    def shape(self, level: int) -> Shape:
        """The sizes of a level."""
        at = self.params.levels[level]
        limbs = at.limbs
        return Shape(limbs, len(at.specials), len(at.digits), min(at.digit_limbs, limbs))

    def log_qp(self, level: int) -> float:
        """log2(Q_l P_l)."""
        primes = self.params.primes(level) + self.params.special_primes(level)
        return sum(math.log2(prime) for prime in primes)

    def serves(self, level: int, lower: int) -> bool:
        """Whether a key for one level serves a lower one."""
        return self.params.levels[level].serves(self.params.levels[lower])


def bootstrap_work(params: CKKSParameters) -> float:
    """The work of one bootstrap in transforms of a limb, to be compared with that of others.

    Raises `ParameterError` for parameters without a bootstrap.
    """
    if params.bootstrap is None:
        raise ParameterError(f"{params} has no levels for a bootstrap: build it with `bootstrap=`")
    return cost.work(params.bootstrap, ParameterShapes(params), params.N)
