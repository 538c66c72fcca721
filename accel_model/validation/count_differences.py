"""Why our operation counts differ from SimFHE's, term by term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from accel_model.validation.our_counts import our_key_switch, our_multiply, our_rotate
from accel_model.validation.simfhe import (
    Shape,
    Work,
    simfhe_key_switch,
    simfhe_multiply,
    simfhe_rotate,
)


@dataclass(frozen=True)
class Difference:
    """A part of the difference between two counts, ours less SimFHE's, and its reason."""

    work: Work
    reason: str


def _decomposition(shape: Shape) -> list[Difference]:
    # Several limbs a digit are scaled once here; a single limb needs no scaling.
    once = shape.limbs if shape.alpha > 1 else 0
    charged = 3 * shape.dnum * shape.alpha
    return [
        Difference(
            Work(products=once - charged),
            "SimFHE counts three products a limb to cut digits, one of them in the change of "
            "basis: here it is one, and none where a digit has one limb",
        ),
        Difference(
            Work(sums=shape.limbs),
            "digits are centred here: one sum a limb, and a constant that is computed before",
        ),
        *_ragged(shape),
    ]


def _ragged(shape: Shape) -> list[Difference]:
    """SimFHE counts every digit as a full one."""
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
    return [Difference(work, "the last digit has fewer limbs; SimFHE counts every digit as full")]


def _division(shape: Shape, kept: int) -> list[Difference]:
    """Two divisions that keep so many limbs and drop two or more."""
    dropped = shape.all_limbs - kept
    return [
        Difference(Work(sums=2 * dropped), "divisions round here: one sum for each dropped limb"),
        Difference(
            Work(products=2 * (dropped + kept), sums=2 * (dropped + kept)),
            "divisions are exact here: the overflow count takes a float64 product and sum for each "
            "dropped limb, and a product and a sum for each kept limb",
        ),
    ]


def key_switch_differences(shape: Shape) -> list[Difference]:
    """Why the counts of a key switch differ."""
    added = Difference(
        Work(sums=shape.limbs),
        "a relinearization adds to both parts, SimFHE's key switch to one part",
    )
    return [*_decomposition(shape), *_division(shape, shape.limbs), added]


def rotate_differences(shape: Shape) -> list[Difference]:
    """Why the counts of a rotation differ."""
    return [*_decomposition(shape), *_division(shape, shape.limbs)]


def multiply_differences(shape: Shape) -> list[Difference]:
    """Why the counts of a product differ."""
    karatsuba = Difference(
        Work(products=shape.limbs, sums=-3 * shape.limbs),
        "SimFHE has Karatsuba's three products and four sums; here it is four products and one sum",
    )
    return [karatsuba, *_decomposition(shape), *_division(shape, shape.limbs - 1)]


def total(differences: list[Difference]) -> Work:
    """The sum of the differences."""
    return reduce(Work.__add__, (d.work for d in differences), Work())


@dataclass(frozen=True)
class Operation:
    """An operation of the comparison: SimFHE's count, our count, and the differences."""

    name: str
    simfhe: Callable[[Shape], Work]
    ours: Callable[[Shape], Work]
    differences: Callable[[Shape], list[Difference]]


OPERATIONS = (
    Operation("key switch", simfhe_key_switch, our_key_switch, key_switch_differences),
    Operation("multiply", simfhe_multiply, our_multiply, multiply_differences),
    Operation("rotate", simfhe_rotate, our_rotate, rotate_differences),
)
