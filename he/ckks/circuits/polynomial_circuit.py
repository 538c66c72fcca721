"""How a polynomial is evaluated: Paterson-Stockmeyer with the fewest levels, as sums of products.

p is split at powers of two, p = q B_g + r (Paterson and Stockmeyer, SIAM J. Comput. 1973). The
quotient is evaluated one level higher than the sum it enters, the remainder in that sum itself,
before the one relinearization and rescaling that all its products share.

Levels are counted upwards from the result, which has height 0. The input has the height
`polynomial.depth`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.polynomial import Polynomial, depth, divide, is_zero, trimmed
from he.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Product:
    """multiplier * left * B_right; left is a sum of its own, or the index of a basis element."""

    left: Sum | int
    right: int
    multiplier: int = 1


@dataclass(frozen=True, eq=False)
class Sum:
    """Products, multiples of basis elements and a constant; its terms stand at `height`.

    One rescaling of the sum leads to the height below. terms: pairs of a basis element's index and
    its coefficient.
    """

    height: int
    products: tuple[Product, ...]
    terms: tuple[tuple[int, np.ndarray], ...]
    constant: np.ndarray | None

    def inner(self) -> Iterator[Sum]:
        """This sum and all below it."""
        yield self
        for product in self.products:
            if isinstance(product.left, Sum):
                yield from product.left.inner()


class PolynomialCircuit:
    """The sums and basis elements that evaluate a polynomial of degree 1 or more.

    polynomial: what is evaluated. total: its sum. needed: the basis elements that are made, in the
    order in which they are made. centre, stretch: a Chebyshev interval is mapped to (-1, 1) by
    ``stretch (x - centre)`` first.

    Raises `ParameterError` for a constant polynomial.
    """

    def __init__(self, polynomial: Polynomial) -> None:
        if polynomial.degree < 1:
            raise ParameterError("a constant polynomial needs no ciphertext: its degree is 0")
        self.polynomial = polynomial
        low, high = polynomial.interval if polynomial.basis == "chebyshev" else (-1.0, 1.0)
        self.centre, self.stretch = (low + high) / 2, 2 / (high - low)
        self._base = polynomial.depth - self.is_stretched
        # The number of basis elements to hold ready: the cheapest power of two.
        plans = [self._plan(1 << k) for k in range(1, depth(polynomial.degree) + 1)]
        self.total, self.needed = min(plans, key=_cost)

    @property
    def is_stretched(self) -> bool:
        """Whether a multiplication by `stretch`, which takes a level, comes first."""
        return self.stretch != 1

    @property
    def is_chebyshev(self) -> bool:
        """Whether the basis elements are Chebyshev polynomials."""
        return self.polynomial.basis == "chebyshev"

    def height(self, i: int) -> int:
        """The height of basis element i: those above i = 1 cost one level each doubling."""
        return self._base - (max(i, 1) - 1).bit_length()

    def _plan(self, babies: int) -> tuple[Sum, tuple[int, ...]]:
        """The sums, and the basis elements needed, with the elements below `babies` ready."""
        leading = self.polynomial.leading_integer
        coefficients = list(self.polynomial.coefficients)
        products: list[Product] = []
        if leading is not None:
            half = self.polynomial.degree // 2
            coefficients.pop()
            if self.is_chebyshev:  # T_2h = 2 T_h^2 - 1
                coefficients[0] = coefficients[0] - leading
                leading *= 2
            products = [Product(half, half, leading)]
        total = self._split(coefficients, 1, babies, products)
        used: set[int] = set()
        for part in total.inner():
            used.update(i for i, _ in part.terms)
            for product in part.products:
                used.add(product.right)
                if isinstance(product.left, int):
                    used.add(product.left)
        return total, tuple(sorted(self._closure(used)))

    def _split(
        self,
        coefficients: Sequence[np.ndarray],
        height: int,
        babies: int,
        products: Sequence[Product] = (),
    ) -> Sum:
        collected = list(products)
        multiples: list[tuple[int, np.ndarray]] = []
        rest = trimmed(coefficients)
        while len(rest) > babies or self.height(len(rest) - 1) < height:
            g = 1 << (len(rest) - 1).bit_length() - 1
            quotient, rest = divide(rest, g, self.polynomial.basis)
            if len(quotient) == 1:
                multiples.append((g, quotient[0]))
                continue
            collected.append(Product(self._split(quotient, height + 1, babies), g))
        multiples += [(i, c) for i, c in enumerate(rest) if i and not is_zero(c)]
        constant = None if is_zero(rest[0]) else rest[0]
        return Sum(height, tuple(collected), tuple(multiples), constant)

    def _closure(self, used: set[int]) -> set[int]:
        """`used`, and what its members are made from."""
        closed = set(used)
        for i in range(max(used, default=1), 1, -1):
            if i in closed:
                a, b = halves(i)
                closed.update((a, b))
                if self.is_chebyshev and a != b:
                    closed.add(a - b)
        return closed


def halves(i: int) -> tuple[int, int]:
    """i = a + b with a >= b and a a power of two: odd elements come from powers and odd ones."""
    a = 1 << (i - 1).bit_length() - 1
    return a, i - a


def _cost(plan: tuple[Sum, tuple[int, ...]]) -> float:
    """In relinearizations; a rescaling alone is a fourth, a plain multiplication a twentieth."""
    total, needed = plan
    cost = float(sum(i > 1 for i in needed))
    for part in total.inner():
        cost += 1 + 0.1 * len(part.products) if part.products else 0.25
        cost += 0.05 * len(part.terms)
    return cost
