"""Polynomials of a ciphertext: Paterson-Stockmeyer with the fewest levels and exact scales.

p is split at powers of two, p = q B_g + r (Paterson and Stockmeyer, SIAM J. Comput. 1973). The
quotient is evaluated one level higher than the sum it enters, the remainder in that sum itself,
before the one relinearization and rescaling that all its products share. Working downwards from
the wanted level and scale, every summand is given the scale of its sum, so no scale ever has to be
approximated (the idea of Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.polynomial import Polynomial, depth, divide, is_zero, trimmed
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.operands import check_canonical
from he.ckks.scales import check_scale, scaled_integer
from he.errors import (
    LevelExhaustedError,
    LevelMismatchError,
    ParameterError,
)
from he.rlwe.keys import KeyNeeds
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.validation import instance, whole_number
from ntt.constants import Scalars
from ntt.memory import large_array, large_zeros
from ntt.workspace import workspace


@dataclass(frozen=True, eq=False)
class _Factor:
    """An encoded coefficient: one integer for all slots, or residues (limbs, N) of a vector."""

    integer: int = 0
    residues: np.ndarray | None = None

    @property
    def details(self) -> dict[str, Any]:
        """What a tracer notes of it."""
        if self.residues is None:
            return {"integer": self.integer}
        return {"plaintexts": (self.residues,)}


@dataclass(frozen=True, eq=False)
class _Product:
    """multiplier * left * B_right; left is a sum of its own, or the index of a basis element."""

    left: _Sum | int
    right: int
    multiplier: int = 1


@dataclass(frozen=True, eq=False)
class _Sum:
    """Products, multiples of basis elements and a constant, at one level and scale, unrescaled."""

    level: int
    scale: float
    products: list[_Product]
    terms: list[tuple[int, _Factor]]
    constant: _Factor | None

    def inner(self) -> Iterator[_Sum]:
        """This sum and all below it."""
        yield self
        for product in self.products:
            if isinstance(product.left, _Sum):
                yield from product.left.inner()


class EncodedPolynomial:
    """A polynomial with its coefficients encoded, for ciphertexts at one level.

    Made by `encode`; the result of `apply` is `polynomial.depth` levels lower, at the canonical
    scale.
    """

    def __init__(self, encoder: Encoder, polynomial: Polynomial, level: int) -> None:
        instance(encoder, Encoder, "the encoder")
        instance(polynomial, Polynomial, "the polynomial")
        level = whole_number(level, "the level of a polynomial")
        if polynomial.degree < 1:
            raise ParameterError("a constant polynomial needs no ciphertext: its degree is 0")
        if level > encoder.params.max_level:
            raise LevelMismatchError(
                f"level {level} is above the highest, {encoder.params.max_level}"
            )
        if polynomial.depth > level:
            raise LevelExhaustedError(
                f"a polynomial of degree {polynomial.degree} takes {polynomial.depth} levels, but "
                f"the ciphertext is at level {level}: build parameters with a larger depth, or "
                f"lower the degree"
            )
        self.params = encoder.params
        self.polynomial = polynomial
        self.level = level
        self._encoder = encoder
        low, high = polynomial.interval if polynomial.basis == "chebyshev" else (-1.0, 1.0)
        self._centre, self._stretch = (low + high) / 2, 2 / (high - low)
        self._base_level = level - (self._stretch != 1)
        self._powers = _PowerScales(self)
        # The number of basis elements to hold ready: the cheapest power of two.
        plans = [self._plan(1 << k) for k in range(1, depth(polynomial.degree) + 1)]
        self._sum, self._needed = min(plans, key=_cost)
        self._sum = self._encoded(self._sum)

    @property
    def needs(self) -> KeyNeeds:
        """The relinearization key, at the highest level at which it is used."""
        levels = [self._powers.level(i) + 1 for i in self._needed if i > 1]
        levels += [s.level for s in self._sum.inner() if s.products]
        return KeyNeeds(relinearization=max(levels)) if levels else KeyNeeds()

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """p(x) in every slot, `polynomial.depth` levels below x, at the canonical scale.

        Raises `LevelMismatchError` or `ScaleMismatchError` unless x stands at `level`, at its
        canonical scale, and `MissingRelinearizationKeyError` without its key.
        """
        self._check(evaluator, x)
        base = evaluator.subtract(x, self._centre) if self._centre else x
        if self._stretch != 1:
            base = evaluator.multiply_scalar(base, self._stretch)
        basis = {1: base}
        for i in self._needed:
            if i > 1:
                basis[i] = self._power(evaluator, basis, i)
        result = self._rescaled(evaluator, basis, self._sum)
        return evaluator.result(result.data, self.params.scales[result.level])

    # ------------------------------------------------------------ planning

    def _plan(self, babies: int) -> tuple[_Sum, list[int]]:
        """The sums, with plain coefficients in place of factors, and the basis elements needed."""
        out = self.level - self.polynomial.depth
        scale = self.params.scales[out] * self.params.q[out + 1]
        leading = self.polynomial.leading_integer
        coefficients = list(self.polynomial.coefficients)
        products: list[_Product] = []
        if leading is not None:
            half = self.polynomial.degree // 2
            coefficients.pop()
            if self.polynomial.basis == "chebyshev":  # T_2h = 2 T_h^2 - 1
                coefficients[0] = coefficients[0] - leading
                leading *= 2
            products = [_Product(half, half, leading)]
        total = self._split(coefficients, out + 1, scale, babies, products)
        used: set[int] = set()
        for s in total.inner():
            used.update(i for i, _ in s.terms)
            for product in s.products:
                used.add(product.right)
                if isinstance(product.left, int):
                    used.add(product.left)
        return total, sorted(self._closure(used))

    def _split(
        self,
        coefficients: Sequence[np.ndarray],
        level: int,
        scale: float,
        babies: int,
        products: Sequence[_Product] = (),
    ) -> _Sum:
        collected = list(products)
        multiples: list[tuple[int, _Factor]] = []
        rest = trimmed(coefficients)
        while len(rest) > babies or self._powers.level(len(rest) - 1) < level:
            g = 1 << (len(rest) - 1).bit_length() - 1
            quotient, rest = divide(rest, g, self.polynomial.basis)
            if len(quotient) == 1:
                multiples.append((g, _Factor(residues=quotient[0])))
                continue
            above = scale / self._powers.scale(g) * self.params.q[level + 1]
            collected.append(_Product(self._split(quotient, level + 1, above, babies), g))
        multiples += [(i, _Factor(residues=c)) for i, c in enumerate(rest) if i and not is_zero(c)]
        constant = None if is_zero(rest[0]) else _Factor(residues=rest[0])
        return _Sum(level, scale, collected, multiples, constant)

    def _closure(self, used: set[int]) -> set[int]:
        """`used`, and what its members are made from."""
        closed = set(used)
        for i in range(max(used, default=1), 1, -1):
            if i in closed:
                a, b = _halves(i)
                closed.update((a, b))
                if self.polynomial.basis == "chebyshev" and a != b:
                    closed.add(a - b)
        return closed

    def _encoded(self, total: _Sum) -> _Sum:
        """The same sums with every coefficient encoded at the scale that its sum needs."""
        level, scale = total.level, total.scale
        check_scale(self.params, level, scale, "a sum of the polynomial")
        products = [
            _Product(self._encoded(p.left), p.right, p.multiplier)
            if isinstance(p.left, _Sum)
            else p
            for p in total.products
        ]
        terms = [
            (i, self._factor(c.residues, scale / self._powers.scale(i), level))
            for i, c in total.terms
        ]
        constant = total.constant
        if constant is not None:
            constant = self._factor(constant.residues, scale, level)
        return _Sum(level, scale, products, terms, constant)

    def _factor(self, c: np.ndarray | None, scale: float, level: int) -> _Factor:
        assert c is not None
        if c.ndim or complex(c).imag:
            return _Factor(residues=self._encoder.encode(c, level, scale).data)
        value = float(c.real)
        return _Factor(integer=scaled_integer(self.params, level, value, scale, "coefficient"))

    # ------------------------------------------------------------ evaluation

    def _power(self, evaluator: Evaluator, basis: dict[int, Ciphertext], i: int) -> Ciphertext:
        """x^i = x^a x^b, or T_i = 2 T_a T_b - T_(a-b)."""
        a, b = _halves(i)
        level = self._powers.level(i) + 1
        scale = basis[a].scale * basis[b].scale
        product = _tensor(evaluator, basis[a], basis[b], level)
        if self.polynomial.basis == "chebyshev":
            evaluator.context.q(level).add(product, product, product)
            evaluator.note("add", (product, product), product)
            if a == b:
                _add_constant(evaluator, product, _Factor(integer=-round(scale)))
            else:
                correction = _Factor(integer=-round(scale / basis[a - b].scale))
                _add_multiple(evaluator, product, basis[a - b], correction)
        return evaluator.relinearize_rescale(evaluator.result(product, scale))

    def _rescaled(
        self, evaluator: Evaluator, basis: dict[int, Ciphertext], total: _Sum
    ) -> Ciphertext:
        level = total.level
        ops = evaluator.context.q(level)
        parts = 3 if total.products else 2
        shape = (parts, level + 1, self.params.N)
        accumulated = large_zeros(shape)
        evaluator.note("zeros", (), accumulated)
        for product in total.products:
            left = product.left
            operand = (
                basis[left] if isinstance(left, int) else self._rescaled(evaluator, basis, left)
            )
            tensor = _tensor(evaluator, operand, basis[product.right], level)
            if product.multiplier != 1:
                multiplier = Scalars([product.multiplier] * (level + 1), ops.moduli)
                ops.multiply_scalar(tensor, tensor, multiplier)
                evaluator.note("multiply_integer", (tensor,), tensor, integer=product.multiplier)
            ops.add(accumulated, accumulated, tensor)
            evaluator.note("add", (accumulated, tensor), accumulated)
        for i, factor in total.terms:
            _add_multiple(evaluator, accumulated, basis[i], factor)
        if total.constant is not None:
            _add_constant(evaluator, accumulated, total.constant)
        return evaluator.relinearize_rescale(evaluator.result(accumulated, total.scale))

    def _check(self, evaluator: Evaluator, x: Ciphertext) -> None:
        instance(evaluator, Evaluator, "the evaluator")
        for other, needed in ((evaluator, Evaluator), (x, Ciphertext)):
            check_owner(self.params, other, needed, "polynomial")
        check_two_parts(x, "a polynomial")
        if x.level != self.level:
            raise LevelMismatchError(
                f"the polynomial is encoded for level {self.level}, the ciphertext is at level "
                f"{x.level}: encode it for that level, or use drop_to"
            )
        check_canonical(x)


class _PowerScales:
    """Level and scale of every basis element, as its computation will leave them."""

    def __init__(self, owner: EncodedPolynomial) -> None:
        self._params = owner.params
        self._base = owner._base_level
        self._scales = {1: owner.params.scales[owner._base_level]}

    def level(self, i: int) -> int:
        """Levels above i = 1 cost one doubling each."""
        return self._base - (max(i, 1) - 1).bit_length()

    def scale(self, i: int) -> float:
        """Product of the halves' scales, rescaled."""
        if i not in self._scales:
            a, b = _halves(i)
            self._scales[i] = self.scale(a) * self.scale(b) / self._params.q[self.level(i) + 1]
        return self._scales[i]


def evaluate_polynomial(
    evaluator: Evaluator, x: Ciphertext, polynomial: Polynomial
) -> Ciphertext:
    """p(x) in every slot, `polynomial.depth` levels below x, at the canonical scale.

    Encode once with `EncodedPolynomial` where one polynomial meets many ciphertexts.
    """
    instance(evaluator, Evaluator, "the evaluator")
    check_owner(evaluator.params, x, Ciphertext)
    return EncodedPolynomial(evaluator.encoder, polynomial, x.level).apply(evaluator, x)


def _halves(i: int) -> tuple[int, int]:
    """i = a + b with a >= b and a a power of two: odd elements come from powers and odd ones."""
    a = 1 << (i - 1).bit_length() - 1
    return a, i - a


def _cost(plan: tuple[_Sum, list[int]]) -> float:
    """In relinearizations; a rescaling alone is a fourth, a plain multiplication a twentieth."""
    total, needed = plan
    cost = float(sum(i > 1 for i in needed))
    for s in total.inner():
        cost += 1 + 0.1 * len(s.products) if s.products else 0.25
        cost += 0.05 * len(s.terms)
    return cost


def _tensor(evaluator: Evaluator, a: Ciphertext, b: Ciphertext, level: int) -> np.ndarray:
    """The residues of the unrelinearized product at `level`; a and b may stand higher."""
    left = evaluator.drop_limbs(a, level)
    right = left if b is a else evaluator.drop_limbs(b, level)
    out = large_array((3, *left.data.shape[1:]))
    evaluator.context.q(level).tensor(out, left.data, right.data)
    evaluator.note("tensor", (left.data, right.data), out)
    return out


def _add_multiple(evaluator: Evaluator, a: np.ndarray, b: Ciphertext, factor: _Factor) -> None:
    """a (parts, limbs, N) += factor b on the first two parts; b may stand at a higher level."""
    _, limbs, N = a.shape
    ops = evaluator.context.q(limbs - 1)
    scaled = workspace("polynomial term", (limbs, N))
    for part in range(2):
        if factor.residues is None:
            scalars = Scalars([factor.integer] * limbs, ops.moduli)
            ops.multiply_scalar(scaled, b.data[part, :limbs], scalars)
            ops.add(a[part], a[part], scaled)
        else:
            ops.multiply_add(a[part], b.data[part, :limbs], factor.residues)
    evaluator.note("add_multiple", (a, b.data), a, **factor.details)


def _add_constant(evaluator: Evaluator, a: np.ndarray, factor: _Factor) -> None:
    """a (parts, limbs, N) += factor: a constant is the same number at every point."""
    ops = evaluator.context.q(a.shape[1] - 1)
    if factor.residues is None:
        scalars = np.array([factor.integer % q for q in ops.moduli], dtype=np.uint64)
        ops.add_scalar(a[0], a[0], scalars)
    else:
        ops.add(a[0], a[0], factor.residues)
    kind = "add_integer" if factor.residues is None else "add_plain"
    evaluator.note(kind, (a,), a, **factor.details)
