"""Values scaled into [-1, 1], where they can be refreshed by a bootstrap.

A bootstrap keeps values up to a bound, and adds an error of one size to small and large ones. So
every value that can gets a factor by which its largest becomes `FULL`. The stages take the
factors in at no cost: an affine map on both sides, a polynomial in its coefficients. Some factors
hang together: a sum and its terms have one, a product has that of its factors, a square that of its
root squared. The input, the answer, and what a Chebyshev polynomial reads keep 1. The factors are
the solution of a linear program in their logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.stages.stage import (
    AddStage,
    AffineStage,
    PolynomialStage,
    ProductStage,
    SquareStage,
    Stage,
)

if TYPE_CHECKING:
    from scipy import optimize
else:  # only networks that bootstrap need it
    from ntt.lazy import LazyModule

    optimize = LazyModule("scipy.optimize")

FULL = 0.75
"""The largest value over the calibration images behind the scaling: other images may have more."""

_LEAST = 2.0**-30
"""Smaller values count as this."""

_ROOM = 1e-6
"""Above the tolerance of the solver, 1e-7: what one program finds is allowed in the next."""


def bound_values(made: Sequence[Stage], largest: Mapping[str, FloatArray]) -> list[Stage]:
    """The stages, with every value scaled so that it is at most `FULL`, as far as that can be.

    A sum that reads the input keeps its size, for one; the other values are scaled all the same.
    largest: bounds on the absolute values of every stage, by name. `max_abs` stays as it is.
    """
    factors = _factors(made, largest)
    return [_scaled(stage, factors) for stage in made]


class _Relation(NamedTuple):
    """log factor of `name` = sum of weight * log factor of another."""

    name: str
    others: tuple[tuple[str, float], ...]


def _relations(made: Sequence[Stage]) -> list[_Relation]:
    found = [_Relation(INPUT, ()), _Relation(made[-1].name, ())]
    for stage in made:
        if isinstance(stage, AddStage):
            found += [_Relation(stage.name, ((name, 1.0),)) for name in stage.inputs]
        elif isinstance(stage, ProductStage):
            found.append(_Relation(stage.name, tuple((name, 1.0) for name in stage.inputs)))
        elif isinstance(stage, SquareStage):
            found.append(_Relation(stage.name, ((stage.input, 2.0),)))
        elif isinstance(stage, PolynomialStage):
            if stage.basis == "chebyshev":
                found.append(_Relation(stage.input, ()))
            if stage.polynomial.leading_integer is not None:
                # The integer in front of the highest power saves a level.
                found.append(_Relation(stage.name, ((stage.input, float(stage.degree)),)))
    return found


def _factors(made: Sequence[Stage], largest: Mapping[str, FloatArray]) -> dict[str, float]:
    """The factor of every value, and of "input"."""
    places = {name: place for place, name in enumerate([INPUT, *(stage.name for stage in made)])}
    relations = _relations(made)
    rows = np.zeros((len(relations), len(places)))
    for row, relation in zip(rows, relations, strict=True):
        row[places[relation.name]] += 1.0
        for name, weight in relation.others:
            row[places[name]] -= weight
    fixed = {relation.name for relation in relations if not relation.others}
    most = {name: float(largest[name].max()) for name in places}
    if not all(math.isfinite(most[name]) for name in places):
        return dict.fromkeys(places, 1.0)
    upper = np.array(
        [
            math.inf if name in fixed else math.log(FULL / max(most[name], _LEAST))
            for name in places
        ]
    )
    found = _largest_solution(rows, upper)
    if found is None:
        found = _largest_solution(rows, upper + _excess(rows, upper) + _ROOM)
    if found is None:
        return dict.fromkeys(places, 1.0)
    return {name: math.exp(value) for name, value in zip(places, found, strict=True)}


def _largest_solution(rows: FloatArray, upper: FloatArray) -> FloatArray | None:
    """The x of the largest sum with rows @ x = 0 and x <= upper; None where there is none."""
    found = optimize.linprog(
        -np.ones(len(upper)),
        A_eq=rows,
        b_eq=np.zeros(len(rows)),
        bounds=[(None, bound) for bound in upper],
        method="highs",
    )
    return found.x if found.status == 0 else None


def _excess(rows: FloatArray, upper: FloatArray) -> FloatArray:
    """The additions to `upper`, (values,), of the least sum with which there is a solution.

    Values that hang together with the input or the answer may have to be larger than `FULL`.
    """
    count = len(upper)
    bound = np.isfinite(upper)
    at_most = np.hstack([np.eye(count), -np.eye(count)])[bound]
    found = optimize.linprog(
        np.repeat([0.0, 1.0], count),
        A_ub=at_most,
        b_ub=upper[bound],
        A_eq=np.hstack([rows, np.zeros_like(rows)]),
        b_eq=np.zeros(len(rows)),
        bounds=[(None, None)] * count + [(0.0, None)] * count,
        method="highs",
    )
    return found.x[count:] if found.status == 0 else np.zeros(count)


def _scaled(stage: Stage, factors: Mapping[str, float]) -> Stage:
    """The stage on scaled inputs, with a scaled value."""
    own, before = factors[stage.name], [factors[name] for name in stage.inputs]
    stage = replace(stage, scale=stage.scale * own, shift=stage.shift * own)
    if isinstance(stage, AffineStage):
        into, out = np.full(stage.affine.in_size, 1 / before[0]), np.full(stage.size, own)
        zeros_in, zeros_out = np.zeros(stage.affine.in_size), np.zeros(stage.size)
        affine = stage.affine.scale_inputs(into, zeros_in).scale_outputs(out, zeros_out)
        return replace(stage, affine=affine)
    if isinstance(stage, PolynomialStage):
        powers = np.ones(stage.degree + 1)
        if stage.basis == "power":
            powers = (1 / before[0]) ** np.arange(stage.degree + 1.0)
        coefficients = stage.coefficients * powers * own
        if stage.polynomial.leading_integer is not None:  # exactly, where logarithms are rounded
            coefficients[..., -1] = stage.coefficients[..., -1]
        return replace(stage, coefficients=coefficients)
    return stage
