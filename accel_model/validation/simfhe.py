"""Operation counts of SimFHE, from its formulas.

SimFHE (Agrawal et al., "MAD: Memory-Aware Design Techniques for Accelerating Fully Homomorphic
Encryption", MICRO 2023; github.com/bu-icsg/SimFHE) counts modular products and sums. Its formulas,
from evaluator.py and poly.py there, are restated here for L limbs in `dnum` digits of alpha =
ceil(L / dnum) limbs, and alpha + 1 special limbs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Counts in limbs: transforms, and the products and sums outside of transforms."""

    transforms: int = 0
    products: int = 0
    sums: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.transforms + other.transforms,
            self.products + other.products,
            self.sums + other.sums,
        )

    def __sub__(self, other: Work) -> Work:
        return self + other.times(-1)

    def times(self, count: int) -> Work:
        """So many times the work."""
        return Work(count * self.transforms, count * self.products, count * self.sums)


@dataclass(frozen=True)
class Shape:
    """Parameters of an operation: ring degree, limbs of Q, digits.

    Counts in limbs do not depend on the ring degree.
    """

    N: int
    limbs: int
    dnum: int

    @property
    def alpha(self) -> int:
        """Limbs of a digit."""
        return -(-self.limbs // self.dnum)

    @property
    def special(self) -> int:
        """Special limbs."""
        return self.alpha + 1

    @property
    def all_limbs(self) -> int:
        """Limbs of QP."""
        return self.limbs + self.special


def _conversion(source: int, target: int) -> Work:
    """Change of basis: a product to scale each source limb, and a product and a sum a pair."""
    return Work(products=source * (1 + target), sums=source * target)


def _raised_digits(shape: Shape) -> Work:
    """Two products a limb, and a change of basis with its transforms, digit by digit."""
    added = shape.all_limbs - shape.alpha
    digit = Work(products=2 * shape.alpha) + Work(transforms=shape.alpha + added)
    return (digit + _conversion(shape.alpha, added)).times(shape.dnum)


def _inner_product(shape: Shape) -> Work:
    return Work(
        products=2 * shape.dnum * shape.all_limbs, sums=2 * (shape.dnum - 1) * shape.all_limbs
    )


def _mod_down(limbs: int, kept: int) -> Work:
    """From `limbs` to `kept`: a change of basis with its transforms, a sum and a product a limb."""
    dropped = limbs - kept
    return Work(limbs, kept, kept) + _conversion(dropped, kept)


def simfhe_key_switch(shape: Shape) -> Work:
    """`key_switch`: one part is switched and added to the other."""
    down = _mod_down(shape.all_limbs, shape.limbs).times(2)
    return _raised_digits(shape) + _inner_product(shape) + down + Work(sums=shape.limbs)


def simfhe_rotate(shape: Shape) -> Work:
    """`rotate`: automorphisms count nothing."""
    return simfhe_key_switch(shape)


def simfhe_multiply(shape: Shape) -> Work:
    """`multiply`, with Karatsuba's products, and the rescaling merged into the division by P."""
    L = shape.limbs
    tensor = Work(products=3 * L, sums=4 * L)
    lifted_and_added = Work(products=2 * L, sums=2 * L)
    down = _mod_down(shape.all_limbs, L - 1).times(2)
    return tensor + _raised_digits(shape) + _inner_product(shape) + lifted_and_added + down


def simfhe_operations(work: Work, N: int) -> int:
    """Products and sums in all: N / 2 log2 N products and twice as many sums a transform, and
    3 N / 2 products that make its twiddle factors."""
    log_n = N.bit_length() - 1
    return work.transforms * (3 * N // 2 * log_n + 3 * N // 2) + (work.products + work.sums) * N
