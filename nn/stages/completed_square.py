"""Polynomials of degree 2 rewritten so that they take one multiplicative level.

With ``r = sqrt|a|`` and ``s = sign a``, ``p(x) = a x^2 + b x + c`` is

    s y^2 + k             with  y = r (x + b / 2a)  and  k = c - b^2 / 4a,
    s (t^2 + s b/r t) + c with  t = r x,
    a (x^2 + b/a x) + c.

An affine map in front makes y or t instead of x, and the affine maps behind take in the factor
and the constant, all at no cost. Only the products y y, t t, x x are left: one level, where
evaluating p takes two (x times a x + b).

When that is harmless. CKKS adds an error e of fixed absolute size to every slot. p itself turns it
into ``|p'(x)| e = |2 a x + b| e``. The first and second form see it on y or t: ``2 |y| e = |p'(x)|
e / r``, so they lose ``1/r`` where r < 1: `MAX_GAIN` limits it. The first form also subtracts: a
relative error of y^2 is, relative to the layer's largest output M, greater by ``max y^2 / M``
(which is about ``b^2 / 4|a| M`` where that cancels), and that many times M must fit below the
modulus: `MAX_AMPLIFICATION` limits it, and the corresponding quotient of the third form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nn.network.layers import FloatArray
from nn.stages.stage import AffineStage, PolynomialStage, SquareStage, Stage

MAX_GAIN = 16.0
"""The largest ``1 / sqrt|a|``: four bits of precision."""

MAX_AMPLIFICATION = 64.0
"""The largest quotient of the rewritten value and the layer's largest output: six bits."""


def complete_squares(made: Sequence[Stage], max_abs: Mapping[str, FloatArray]) -> list[Stage]:
    """The stages with every polynomial of degree 2 in its best exact form.

    `max_abs` bounds the values before rewriting, by stage name. With an affine stage in front that
    nothing else reads, and only affine stages behind: the first form, a SquareStage, else, where
    it is harmful, the second, in one level either way. With only the affine stage in front: ``s y^2
    + k`` or ``s t^2 + (b/r) t + c``, in one level if all channels have one sign. With only affine
    stages behind: the third form. All else, and polynomials with ``a = 0`` in some channel, stay
    and take two levels.
    """
    result = list(made)
    for index, stage in enumerate(result):
        if isinstance(stage, PolynomialStage) and stage.degree == 2:
            _rewrite(result, index, stage, max_abs)
            rewritten = result[index]
            if isinstance(rewritten, PolynomialStage) and _is_square(rewritten):
                result[index] = _square_stage(rewritten)
    return result


def _rewrite(
    made: list[Stage], index: int, stage: PolynomialStage, max_abs: Mapping[str, FloatArray]
) -> None:
    """Rewrite one polynomial in place, and the affine stages around it."""
    columns = np.broadcast_to(stage.coefficients, (stage.size, 3)).T
    constant, linear, square = columns
    if not square.all():
        return
    readers = [i for i, other in enumerate(made) if stage.name in other.inputs]
    into_readers = bool(readers) and all(isinstance(made[i], AffineStage) for i in readers)
    front = _only_producer(made, stage)
    sign, root = np.sign(square), np.sqrt(np.abs(square))
    center = linear / (2 * square)
    offset = constant - linear * center / 2
    largest = float(max_abs[stage.name].max())
    one_sign = bool((sign == sign[0]).all())

    if front is not None and (into_readers or one_sign) and 1 / root.min() <= MAX_GAIN:
        reach = root * (max_abs[made[front].name] + np.abs(center))
        harmless = float((reach**2).max()) <= MAX_AMPLIFICATION * largest
        scale, shift = root, root * center if harmless else np.zeros_like(root)
        _scale_outputs(made, front, scale, shift)
        if into_readers:
            constant = offset if harmless else constant
            _scale_inputs(made, readers, stage.name, sign, constant)
            # The stage's value is v for p = sign * v + constant.
            common = replace(stage, scale=sign, shift=-sign * constant)
            left = 0.0 if harmless else sign * linear / root
            made[index] = replace(common, coefficients=_columns(0.0, left, 1.0))
        else:
            leading = float(sign[0])
            if harmless:
                coefficients = _columns(offset, 0.0, leading)
            else:
                coefficients = _columns(constant, linear / root, leading)
            made[index] = replace(stage, coefficients=coefficients)
    elif into_readers:
        reach = (max_abs[stage.name] + np.abs(constant)) / np.abs(square)
        if float(reach.max()) <= MAX_AMPLIFICATION * largest:
            _scale_inputs(made, readers, stage.name, square, constant)
            made[index] = replace(
                stage,
                coefficients=_columns(0.0, linear / square, 1.0),
                scale=1 / square,
                shift=-constant / square,
            )


def _only_producer(made: Sequence[Stage], stage: Stage) -> int | None:
    """The index of the affine stage that `stage` reads, if nothing else reads it."""
    (name,) = stage.inputs
    if sum(name in other.inputs for other in made) != 1:
        return None
    for index, other in enumerate(made):
        if other.name == name and isinstance(other, AffineStage):
            return index
    return None


def _scale_outputs(made: list[Stage], index: int, scale: FloatArray, shift: FloatArray) -> None:
    stage = made[index]
    assert isinstance(stage, AffineStage)
    made[index] = replace(
        stage, affine=stage.affine.scale_outputs(scale, shift), scale=scale, shift=shift
    )


def _scale_inputs(
    made: list[Stage], readers: Sequence[int], name: str, scale: FloatArray, shift: FloatArray
) -> None:
    """Let the `readers` of stage `name` take ``scale * value + shift`` where they read it."""
    for index in readers:
        stage = made[index]
        assert isinstance(stage, AffineStage)
        assert stage.input == name
        made[index] = replace(stage, affine=stage.affine.scale_inputs(scale, shift))


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
