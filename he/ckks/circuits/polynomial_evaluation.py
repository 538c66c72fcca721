"""Polynomials of a ciphertext, with the fewest levels and exact scales.

`he.ckks.circuits.polynomial_circuit` says which sums are evaluated. Working downwards from the
wanted level and scale, every summand is given the scale of its sum, so no scale ever has to be
approximated (the idea of Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_circuit import PolynomialCircuit, Sum, halves
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.operands import check_canonical
from he.ckks.scales import check_scale, scaled_integer
from he.errors import (
    LevelExhaustedError,
    LevelMismatchError,
)
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.trace import RELINEARIZATION
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
    """`Product` with an encoded sum."""

    left: _Sum | int
    right: int
    multiplier: int


@dataclass(frozen=True, eq=False)
class _Sum:
    """`Sum` with encoded coefficients, at one level and scale, unrescaled."""

    level: int
    scale: float
    products: tuple[_Product, ...]
    terms: tuple[tuple[int, _Factor], ...]
    constant: _Factor | None


class EncodedPolynomial:
    """A polynomial with its coefficients encoded, for ciphertexts at one level.

    Made by `encode`; the result of `apply` is `polynomial.depth` levels lower, at the canonical
    scale.
    """

    def __init__(self, encoder: Encoder, polynomial: Polynomial, level: int) -> None:
        instance(encoder, Encoder, "the encoder")
        instance(polynomial, Polynomial, "the polynomial")
        level = whole_number(level, "the level of a polynomial")
        circuit = PolynomialCircuit(polynomial)
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
        self._circuit = circuit
        self._scales = PolynomialScales(encoder.params, circuit, level)
        self._sum = self._encoded(circuit.total, self._scales.total)

    @property
    def needs(self) -> KeyNeeds:
        """The relinearization key, at the highest level at which it is used; where levels are no
        chain, also for those that this one does not serve.
        """
        used = [(RELINEARIZATION, level) for level in self._scales.relinearizations()]
        return KeyNeeds.of(used).without_served(self.params)

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """p(x) in every slot, `polynomial.depth` levels below x, at the canonical scale.

        Raises `LevelMismatchError` or `ScaleMismatchError` unless x stands at `level`, at its
        canonical scale, and `MissingRelinearizationKeyError` without its key.
        """
        self._check(evaluator, x)
        circuit = self._circuit
        base = evaluator.subtract(x, circuit.centre) if circuit.centre else x
        if circuit.is_stretched:
            base = evaluator.multiply_scalar(base, circuit.stretch)
        basis = {1: base}
        for i in circuit.needed:
            if i > 1:
                basis[i] = self._power(evaluator, basis, i)
        result = self._rescaled(evaluator, basis, self._sum)
        return evaluator.result(result.data, self.params.scales[result.level], result.level)

    # ------------------------------------------------------------ encoding

    def _encoded(self, total: Sum, scale: float) -> _Sum:
        """The sums with every coefficient encoded at the scale that its sum needs."""
        level, scales = self._scales.level(total.height), self._scales
        check_scale(self.params, level, scale, "a sum of the polynomial")
        products = tuple(
            _Product(
                self._encoded(product.left, scales.quotient(total.height, scale, product.right))
                if isinstance(product.left, Sum)
                else product.left,
                product.right,
                product.multiplier,
            )
            for product in total.products
        )
        terms = tuple(
            (i, self._factor(c, scale / scales.element_at(i, level), level))
            for i, c in total.terms
        )
        constant = None if total.constant is None else self._factor(total.constant, scale, level)
        return _Sum(level, scale, products, terms, constant)

    def _factor(self, c: np.ndarray, scale: float, level: int) -> _Factor:
        if c.ndim or complex(c).imag:
            return _Factor(residues=self._encoder.encode(c, level, scale).data)
        value = float(c.real)
        return _Factor(integer=scaled_integer(self.params, level, value, scale, "coefficient"))

    # ------------------------------------------------------------ evaluation

    def _power(self, evaluator: Evaluator, basis: dict[int, Ciphertext], i: int) -> Ciphertext:
        """x^i = x^a x^b, or T_i = 2 T_a T_b - T_(a-b)."""
        a, b = halves(i)
        level = self._scales.level(self._circuit.height(i) + 1)
        scale = self._scales.element_at(a, level) * self._scales.element_at(b, level)
        product = _tensor(evaluator, basis[a], basis[b], level)
        if self.polynomial.basis == "chebyshev":
            evaluator.context.q(level).add(product, product, product)
            evaluator.note("add", level, (product, product), product)
            if a == b:
                _add_constant(evaluator, level, product, _Factor(integer=-round(scale)))
            else:
                smaller = self._scales.element_at(a - b, level)
                correction = _Factor(integer=-round(scale / smaller))
                _add_multiple(evaluator, level, product, basis[a - b], correction)
        return evaluator.relinearize_rescale(evaluator.result(product, scale, level))

    def _rescaled(
        self, evaluator: Evaluator, basis: dict[int, Ciphertext], total: _Sum
    ) -> Ciphertext:
        level = total.level
        ops = evaluator.context.q(level)
        parts = 3 if total.products else 2
        shape = (parts, len(ops.moduli), self.params.N)
        accumulated = large_zeros(shape)
        evaluator.note("zeros", level, (), accumulated)
        for product in total.products:
            left = product.left
            operand = (
                basis[left] if isinstance(left, int) else self._rescaled(evaluator, basis, left)
            )
            tensor = _tensor(evaluator, operand, basis[product.right], level)
            if product.multiplier != 1:
                multiplier = Scalars([product.multiplier] * len(ops.moduli), ops.moduli)
                ops.multiply_scalar(tensor, tensor, multiplier)
                evaluator.note(
                    "multiply_integer", level, (tensor,), tensor, integer=product.multiplier
                )
            ops.add(accumulated, accumulated, tensor)
            evaluator.note("add", level, (accumulated, tensor), accumulated)
        for i, factor in total.terms:
            _add_multiple(evaluator, level, accumulated, basis[i], factor)
        if total.constant is not None:
            _add_constant(evaluator, level, accumulated, total.constant)
        return evaluator.relinearize_rescale(evaluator.result(accumulated, total.scale, level))

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


def evaluate_polynomial(
    evaluator: Evaluator, x: Ciphertext, polynomial: Polynomial
) -> Ciphertext:
    """p(x) in every slot, `polynomial.depth` levels below x, at the canonical scale.

    Encode once with `EncodedPolynomial` where one polynomial meets many ciphertexts.
    """
    instance(evaluator, Evaluator, "the evaluator")
    check_owner(evaluator.params, x, Ciphertext)
    return EncodedPolynomial(evaluator.encoder, polynomial, x.level).apply(evaluator, x)


def _tensor(evaluator: Evaluator, a: Ciphertext, b: Ciphertext, level: int) -> np.ndarray:
    """The residues of the unrelinearized product at `level`; a and b may stand higher."""
    left = evaluator.drop_limbs(a, level)
    right = left if b is a else evaluator.drop_limbs(b, level)
    out = large_array((3, *left.data.shape[1:]))
    evaluator.context.q(level).tensor(out, left.data, right.data)
    evaluator.note("tensor", level, (left.data, right.data), out)
    return out


def _add_multiple(
    evaluator: Evaluator, level: int, a: np.ndarray, b: Ciphertext, factor: _Factor
) -> None:
    """a (parts, limbs, N) += factor b on the first two parts; b may stand at a higher level."""
    _, limbs, N = a.shape
    ops = evaluator.context.q(level)
    levels = evaluator.params.levels
    if not levels[b.level].holds(levels[level]):
        b = evaluator.drop_limbs(b, level)
    scaled = workspace("polynomial term", (limbs, N))
    for part in range(2):
        if factor.residues is None:
            scalars = Scalars([factor.integer] * limbs, ops.moduli)
            ops.multiply_scalar(scaled, b.data[part, :limbs], scalars)
            ops.add(a[part], a[part], scaled)
        else:
            ops.multiply_add(a[part], b.data[part, :limbs], factor.residues)
    evaluator.note("add_multiple", level, (a, b.data), a, **factor.details)


def _add_constant(evaluator: Evaluator, level: int, a: np.ndarray, factor: _Factor) -> None:
    """a (parts, limbs, N) += factor: a constant is the same number at every point."""
    ops = evaluator.context.q(level)
    if factor.residues is None:
        scalars = np.array([factor.integer % q for q in ops.moduli], dtype=np.uint64)
        ops.add_scalar(a[0], a[0], scalars)
    else:
        ops.add(a[0], a[0], factor.residues)
    kind = "add_integer" if factor.residues is None else "add_plain"
    evaluator.note(kind, level, (a,), a, **factor.details)
