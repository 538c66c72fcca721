"""Operation counts beside SimFHE's.

SimFHE (Agrawal et al., "MAD: Memory-Aware Design Techniques for Accelerating Fully Homomorphic
Encryption", MICRO 2023; github.com/bu-icsg/SimFHE) counts modular products and sums. Its formulas,
from evaluator.py and poly.py there, are restated here for L limbs in `dnum` digits of alpha =
ceil(L / dnum) limbs, and alpha + 1 special limbs. Ours are counted in the instructions that
`accel_model.lowering.operations` makes of the same operation at the same L, dnum and special limbs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from accel_model.isa import Opcode, Program
from accel_model.lowering.operations import lower
from he.trace import RELINEARIZATION, HEOp, OpTrace, TracedKey


@dataclass(frozen=True)
class Work:
    """Transforms of limbs; and, outside of them, products and sums of limbs."""

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
        return Work(count * self.transforms, count * self.products, count * self.sums)


@dataclass(frozen=True)
class Shape:
    """Parameters of an operation: limbs of Q, digits; the ring degree only scales the counts."""

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


@dataclass(frozen=True)
class Difference:
    """Why our count of an operation differs from SimFHE's: so much work, for this reason."""

    work: Work
    reason: str


# ------------------------------------------------------------------ SimFHE's formulas


def _conversion(source: int, target: int) -> Work:
    """Change of basis: a product to scale each source limb; a product and a sum a pair."""
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
    """`key_switch`: one part switched, and added to the other."""
    down = _mod_down(shape.all_limbs, shape.limbs).times(2)
    return _raised_digits(shape) + _inner_product(shape) + down + Work(sums=shape.limbs)


def simfhe_rotate(shape: Shape) -> Work:
    """`rotate`: automorphisms count as nothing."""
    return simfhe_key_switch(shape)


def simfhe_multiply(shape: Shape) -> Work:
    """`multiply` with Karatsuba's products and the rescaling merged into the division by P."""
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


# ------------------------------------------------------------------ ours, from the instructions


def our_key_switch(shape: Shape) -> Work:
    """Relinearization of three parts."""
    return _work_of(_program(shape, "key_switch"))


def our_rotate(shape: Shape) -> Work:
    """One rotation."""
    return _work_of(_program(shape, "rotate"))


def our_multiply(shape: Shape) -> Work:
    """Tensor product; relinearization with the rescaling merged into the division by P."""
    return _work_of(_program(shape, "multiply"))


def _work_of(program: Program) -> Work:
    counts = program.counts()

    def total(*opcodes: Opcode) -> int:
        return sum(counts.get(opcode, 0) for opcode in opcodes)

    both = (Opcode.MULADD, Opcode.CONVERT, Opcode.FRACTION)
    return Work(
        total(Opcode.NTT, Opcode.INTT),
        total(Opcode.MUL, Opcode.MULSCALAR, *both),
        total(Opcode.ADD, Opcode.SUB, Opcode.NEGATE, Opcode.ADDSCALAR, *both),
    )


def _program(shape: Shape, kind: str) -> Program:
    """The operation alone. Counts do not depend on the primes: the smallest odd ones serve."""
    L, level = shape.limbs, shape.limbs - 1
    primes = _odd_primes(shape.all_limbs)
    digits = -(-L // shape.alpha)
    element = 5 if kind == "rotate" else RELINEARIZATION
    key = TracedKey(element, level, (digits, 2, shape.all_limbs))
    ciphertexts: tuple[tuple[int, ...], ...]
    operations: tuple[HEOp, ...]
    if kind == "multiply":
        ciphertexts = (2, L), (2, L), (3, L), (2, L - 1)
        switched = HEOp("relinearize_rescale", level, (2,), (3,), keys=(element,), digits=digits)
        operations = HEOp("tensor", level, (0, 1), (2,)), switched
    elif kind == "rotate":
        ciphertexts = (2, L), (2, L)
        operations = (
            HEOp(
                "automorphisms", level, (0,), (1,), (), (element,), keys=(element,), digits=digits
            ),
        )
    else:
        ciphertexts = (3, L), (2, L)
        operations = (HEOp("relinearize", level, (0,), (1,), keys=(element,), digits=digits),)
    inputs = (0, 1) if kind == "multiply" else (0,)
    return lower(
        OpTrace(
            shape.N, primes[:L], primes[L:], shape.alpha, ciphertexts, (), (key,), inputs,
            (len(ciphertexts) - 1,), operations,
        )
    )  # fmt: skip


def _odd_primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    candidate = 3
    while len(found) < count:
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
        candidate += 2
    return tuple(found)


# ------------------------------------------------------------------ the differences, term by term


def _decomposition(shape: Shape) -> list[Difference]:
    # Several limbs a digit are scaled once here; a single limb needs no scaling.
    once = shape.limbs if shape.alpha > 1 else 0
    charged = 3 * shape.dnum * shape.alpha
    return [
        Difference(
            Work(products=once - charged),
            "SimFHE charges three products a limb to cut digits, one of them in the change of "
            "basis: one is needed, none with digits of one limb",
        ),
        Difference(
            Work(sums=shape.limbs),
            "digits are centred here: a sum a limb, the rest is in a constant",
        ),
        *_ragged(shape),
    ]


def _ragged(shape: Shape) -> list[Difference]:
    """SimFHE takes every digit as a full one."""
    widths = [min(shape.alpha, shape.limbs - first) for first in range(0, shape.limbs, shape.alpha)]
    added = shape.all_limbs - shape.alpha
    pairs = sum(width * (shape.all_limbs - width) for width in widths)
    full = shape.dnum * shape.alpha * added
    transforms = shape.limbs + sum(shape.all_limbs - width for width in widths)
    work = Work(transforms - shape.dnum * shape.all_limbs, pairs - full, pairs - full)
    missing = shape.dnum - len(widths)
    work += Work(products=-2 * missing * shape.all_limbs, sums=-2 * missing * shape.all_limbs)
    if work == Work():
        return []
    return [Difference(work, "the last digit has fewer limbs; SimFHE takes every one as full")]


def _division(shape: Shape, kept: int) -> list[Difference]:
    """Two divisions that keep so many limbs; two limbs and more are dropped."""
    dropped = shape.all_limbs - kept
    return [
        Difference(Work(sums=2 * dropped), "divisions round here: a sum a dropped limb"),
        Difference(
            Work(products=2 * (dropped + kept), sums=2 * (dropped + kept)),
            "divisions are exact here: for the overflow count a float64 product and sum a dropped "
            "limb, and a product and a sum a kept one",
        ),
    ]


def key_switch_differences(shape: Shape) -> list[Difference]:
    """Ours less SimFHE's."""
    added = Difference(
        Work(sums=shape.limbs), "a relinearization adds to both parts, SimFHE's key switch to one"
    )
    return [*_decomposition(shape), *_division(shape, shape.limbs), added]


def rotate_differences(shape: Shape) -> list[Difference]:
    """Ours less SimFHE's."""
    return [*_decomposition(shape), *_division(shape, shape.limbs)]


def multiply_differences(shape: Shape) -> list[Difference]:
    """Ours less SimFHE's."""
    karatsuba = Difference(
        Work(products=shape.limbs, sums=-3 * shape.limbs),
        "SimFHE takes Karatsuba's three products and four sums, here four products and one sum",
    )
    return [karatsuba, *_decomposition(shape), *_division(shape, shape.limbs - 1)]


def total(differences: list[Difference]) -> Work:
    """All of them together."""
    return reduce(Work.__add__, (d.work for d in differences), Work())


@dataclass(frozen=True)
class Operation:
    """One operation of the comparison."""

    name: str
    simfhe: Callable[[Shape], Work]
    ours: Callable[[Shape], Work]
    differences: Callable[[Shape], list[Difference]]


OPERATIONS = (
    Operation("key switch", simfhe_key_switch, our_key_switch, key_switch_differences),
    Operation("multiply", simfhe_multiply, our_multiply, multiply_differences),
    Operation("rotate", simfhe_rotate, our_rotate, rotate_differences),
)
