"""Polynomials of degree 2 rewritten so that they take one multiplicative level.

With ``r = sqrt|a|`` and ``s = sign a``, ``p(x) = a x^2 + b x + c`` is

    s y^2 + k             with  y = r (x + b / 2a)  and  k = c - b^2 / 4a,
    s (t^2 + s b/r t) + c with  t = r x,
    a (x^2 + b/a x) + c.

An affine map in front computes y or t instead of x, and the affine maps behind take in the factor
and the constant, all at no cost. Only the products y y, t t, x x are left. They take one level;
the evaluation of p takes two (x times a x + b).

The precision that a form loses must be small. CKKS adds an error e of fixed absolute size to every
slot. p itself turns the error into ``|p'(x)| e = |2 a x + b| e``. In the first and second form the
error is one of y or t and becomes ``2 |y| e = |p'(x)| e / r``. So they lose a factor ``1/r`` where
r < 1; `MAX_GAIN` limits the factor. The first form also subtracts: relative to the layer's largest
output M, a relative error of y^2 grows by ``max y^2 / M`` (about ``b^2 / 4|a| M`` where the two
terms cancel), and ``max y^2`` must fit below the modulus. `MAX_AMPLIFICATION` limits this quotient
and the corresponding quotient of the third form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nn.network.layers import FloatArray
from nn.stages.neighbours import only_producer, scale_inputs, scale_outputs
from nn.stages.residual_squares import Losses, complete_residual_squares
from nn.stages.stage import AffineStage, PolynomialStage, SquareStage, Stage

MAX_GAIN = 16.0
"""The largest ``1 / sqrt|a|`` that is accepted: it loses four bits of precision."""

MAX_AMPLIFICATION = 64.0
"""The largest accepted quotient of the rewritten value and the layer's largest output: six bits."""


def complete_squares(made: Sequence[Stage], max_abs: Mapping[str, FloatArray]) -> list[Stage]:
    """The stages with every polynomial of degree 2 in its best exact form.

    `max_abs` bounds the values before rewriting, by stage name. The form depends on the stages
    around the polynomial:

    - An affine stage in front, which nothing else reads, and only affine stages behind: the first
      form, a SquareStage, or the second form where the first loses too much precision. Both take
      one level.
    - Such an affine stage in front alone: ``s y^2 + k`` or ``s t^2 + (b/r) t + c``, in one level if
      all channels have one sign.
    - Only affine stages behind: the third form.
    - A sum in front or behind: the forms of `nn.stages.residual_squares`, where they apply.

    All other polynomials, and those with ``a = 0`` in some channel, stay and take two levels.
    """
    losses = Losses(MAX_GAIN, MAX_AMPLIFICATION)
    result, done = complete_residual_squares(made, max_abs, losses)
    for index, stage in enumerate(result):
        if isinstance(stage, PolynomialStage) and stage.degree == 2 and stage.basis == "power":
            if stage.name not in done:
                _rewrite(result, index, stage, max_abs)
            rewritten = result[index]
            if isinstance(rewritten, PolynomialStage) and _is_square(rewritten):
                result[index] = _square_stage(rewritten)
    return result


@dataclass(frozen=True, eq=False)
class _Terms:
    """The coefficients of ``a x^2 + b x + c``, each ``(size,)``: `square`, `linear`, `constant`."""

    constant: FloatArray
    linear: FloatArray
    square: FloatArray

    @property
    def sign(self) -> FloatArray:
        """``s``."""
        result: FloatArray = np.sign(self.square)
        return result

    @property
    def root(self) -> FloatArray:
        """``r``."""
        result: FloatArray = np.sqrt(np.abs(self.square))
        return result

    @property
    def center(self) -> FloatArray:
        """``b / 2a``."""
        result: FloatArray = self.linear / (2 * self.square)
        return result

    @property
    def offset(self) -> FloatArray:
        """``k``."""
        result: FloatArray = self.constant - self.linear * self.center / 2
        return result


def _rewrite(
    made: list[Stage], index: int, stage: PolynomialStage, max_abs: Mapping[str, FloatArray]
) -> None:
    """Rewrite one polynomial in place, and the affine stages around it."""
    terms = _Terms(*np.broadcast_to(stage.coefficients, (stage.size, 3)).T)
    if not terms.square.all():
        return
    readers = [i for i, other in enumerate(made) if stage.name in other.inputs]
    into_readers = bool(readers) and all(isinstance(made[i], AffineStage) for i in readers)
    front = only_producer(made, stage)
    one_sign = bool((terms.sign == terms.sign[0]).all())
    largest = MAX_AMPLIFICATION * float(max_abs[stage.name].max())

    if front is not None and (into_readers or one_sign) and 1 / terms.root.min() <= MAX_GAIN:
        reach = terms.root * (max_abs[made[front].name] + np.abs(terms.center))
        completes = float((reach**2).max()) <= largest
        shift = terms.root * terms.center if completes else np.zeros_like(terms.root)
        scale_outputs(made, front, terms.root, shift)
        if into_readers:
            _leave_constants(made, index, stage, readers, terms, completes)
        else:
            _keep_constants(made, index, stage, terms, completes)
    elif into_readers:
        reach = (max_abs[stage.name] + np.abs(terms.constant)) / np.abs(terms.square)
        if float(reach.max()) <= largest:
            _leave_factors(made, index, stage, readers, terms)


def _leave_constants(
    made: list[Stage],
    index: int,
    stage: PolynomialStage,
    readers: Sequence[int],
    terms: _Terms,
    completes: bool,
) -> None:
    """The first form (`completes`) or the second; the readers take in the sign and the constant."""
    constant = terms.offset if completes else terms.constant
    left = 0.0 if completes else terms.sign * terms.linear / terms.root
    scale_inputs(made, readers, stage.name, terms.sign, constant)
    # The stage's value is v for p = sign * v + constant.
    made[index] = replace(
        stage,
        scale=terms.sign,
        shift=-terms.sign * constant,
        coefficients=_columns(0.0, left, 1.0),
    )


def _keep_constants(
    made: list[Stage], index: int, stage: PolynomialStage, terms: _Terms, completes: bool
) -> None:
    """The first form (`completes`) or the second, of one sign, with its sign and constant."""
    leading = float(terms.sign[0])
    if completes:
        coefficients = _columns(terms.offset, 0.0, leading)
    else:
        coefficients = _columns(terms.constant, terms.linear / terms.root, leading)
    made[index] = replace(stage, coefficients=coefficients)


def _leave_factors(
    made: list[Stage], index: int, stage: PolynomialStage, readers: Sequence[int], terms: _Terms
) -> None:
    """The third form; the readers take in the factor and the constant."""
    scale_inputs(made, readers, stage.name, terms.square, terms.constant)
    made[index] = replace(
        stage,
        coefficients=_columns(0.0, terms.linear / terms.square, 1.0),
        scale=1 / terms.square,
        shift=-terms.constant / terms.square,
    )


def _is_square(stage: PolynomialStage) -> bool:
    return bool((stage.coefficients == [0.0, 0.0, 1.0]).all())


def _square_stage(stage: PolynomialStage) -> SquareStage:
    return SquareStage(
        stage.name,
        stage.layers,
        stage.inputs,
        stage.shape,
        stage.node,
        stage.scale,
        stage.shift,
        stage.max_abs,
    )


def _columns(constant: FloatArray | float, linear: FloatArray | float, square: float) -> FloatArray:
    """Coefficients ``(size, 3)``, or ``(3,)`` if all elements share them."""
    rows = np.stack(np.broadcast_arrays(constant, linear, square), axis=-1).reshape(-1, 3)
    result: FloatArray = rows[0] if (rows == rows[0]).all() else rows
    return result
