"""What an operation on a large ring must cost: its transforms, products and bytes, at given rates.

Rows are rows of N words. Of products, those of base conversions, digits and keys are counted, not
the factors and reductions of single words. Of bytes, operands and keys are read once, results
written once; digits and their products with a key, which no cache of a core holds, are written once
and read once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Of one thread, measured in the run: seconds of a transform, of a product of rows, of a row
    that is moved from or to memory.
    """

    forward_s: float
    inverse_s: float
    product_s: float
    row_s: float


@dataclass(frozen=True)
class Cost:
    """Transforms, products of rows, and rows that are moved, of one operation."""

    forward: float
    inverse: float
    products: float
    rows: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.forward + other.forward,
            self.inverse + other.inverse,
            self.products + other.products,
            self.rows + other.rows,
        )

    def __mul__(self, times: float) -> Cost:
        return Cost(
            self.forward * times, self.inverse * times, self.products * times, self.rows * times
        )

    def transforms_s(self, rates: Rates) -> float:
        """The time of the transforms."""
        return self.forward * rates.forward_s + self.inverse * rates.inverse_s

    def products_s(self, rates: Rates) -> float:
        """The time of the products."""
        return self.products * rates.product_s

    def bytes_s(self, rates: Rates) -> float:
        """The time of the rows that are moved."""
        return self.rows * rates.row_s


@dataclass(frozen=True)
class Shape:
    """The level that operations run at: limbs of Q, special limbs, and the limbs of each digit."""

    limbs: int
    special: int
    digits: tuple[int, ...]

    @property
    def all_limbs(self) -> int:
        """Limbs of QP."""
        return self.limbs + self.special


def decomposition(shape: Shape) -> Cost:
    """A part to its digits: read, taken to coefficients, converted, transformed, written."""
    made = [shape.all_limbs - own for own in shape.digits]
    products = sum(own * rows for own, rows in zip(shape.digits, made, strict=True))
    written = len(shape.digits) * shape.all_limbs
    return Cost(sum(made), shape.limbs, products, shape.limbs + written)


def key_product(shape: Shape) -> Cost:
    """Digits times a key: digits and key read, a pair written."""
    rows = len(shape.digits) * shape.all_limbs
    return Cost(0, 0, 2 * rows, 3 * rows + 2 * shape.all_limbs)


def division(limbs: int, dropped: int) -> Cost:
    """A part of so many limbs, divided by the last of them: read, and the quotient written."""
    kept = limbs - dropped
    sources = dropped + (dropped > 1)
    return Cost(kept, dropped, kept * sources, limbs + kept)


def rescale(shape: Shape) -> Cost:
    """Two parts, divided by a prime."""
    return division(shape.limbs, 1) * 2


def rotate(shape: Shape) -> Cost:
    """Decomposition, the product with a key, two divisions by P, one part added."""
    added = Cost(0, 0, 0, shape.limbs)
    key = key_product(shape) + division(shape.all_limbs, shape.special) * 2 + added
    return decomposition(shape) + key


def hoisted(shape: Shape, rotations: int) -> Cost:
    """One of so many rotations of one ciphertext."""
    each = rotate(shape) + decomposition(shape) * -1
    return each + decomposition(shape) * (1 / rotations)


def multiply(shape: Shape) -> Cost:
    """The product of two ciphertexts, relinearized and rescaled with one division."""
    tensor = Cost(0, 0, 4 * shape.limbs, 7 * shape.limbs)
    added = Cost(0, 0, 0, 2 * shape.limbs)
    divided = division(shape.all_limbs, shape.special + 1) * 2
    return tensor + decomposition(shape) + key_product(shape) + added + divided
