"""Squares completed across residual sums: a polynomial of degree 2 behind a sum takes one level.

A polynomial ``p(x) = a x^2 + b x + c`` of a sum x = f + v gets ``y = rho x + d`` in place of x.
With ``D = rho^2 / a`` and ``beta = rho b / a - 2 d``

    y^2 + beta y = D p(x) + s,    s = -(D c + d^2 - d rho b / a).

The affine branch f takes in rho and d. The other term v has no affine map that could: it is the
value of an earlier polynomial, and that one is asked for ``rho v`` plus a constant, so its own D is
this rho. Its own rho follows, ``rho^2 = a D``, and so on to the first polynomial of the chain. Only
the last D of a chain is free. D has the sign of a, and the sign of rho is free, so all signs fit.
``d = rho b / 2a`` makes beta zero. The affine maps that read p take in D and s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from nn.network.layers import FloatArray
from nn.stages.neighbours import only_producer, scale_inputs, scale_outputs
from nn.stages.stage import AddStage, AffineStage, PolynomialStage, Stage

_LEAST_FACTOR = 1 / 8
"""The least |rho| that the free factor of a chain is to give: smaller values drown in errors."""


@dataclass(frozen=True, eq=False)
class Losses:
    """What a rewritten polynomial may lose.

    gain: the largest factor by which an error may grow. amplification: the largest quotient of the
    rewritten value and the layer's largest output.
    """

    gain: float
    amplification: float


def complete_residual_squares(
    made: Sequence[Stage], max_abs: Mapping[str, FloatArray], losses: Losses
) -> tuple[list[Stage], frozenset[str]]:
    """The stages with such polynomials in one level, and the names of the rewritten ones.

    max_abs: bounds on the values, by stage name, before any stage is scaled. A polynomial is
    rewritten if its input is an affine stage or a sum that nothing else reads; the terms of sums
    are affine stages that nothing else reads, or polynomials that are rewritten; its readers are
    affine stages and such sums; and it loses no more than `losses`.
    """
    result = list(made)
    graph = _Graph(result)
    chosen = {stage.name for stage in result if _is_quadratic(stage)}
    while True:
        chosen = graph.closed(chosen)
        forms, failed = _forms(graph, chosen, max_abs, losses)
        if not failed:
            break
        chosen -= failed
    rewritten = {name for name in chosen if graph.meets_sum(name)}
    for name in rewritten:
        _rewrite(result, graph, forms[name], rewritten, forms)
    return result, frozenset(rewritten)


@dataclass(frozen=True, eq=False)
class _Form:
    """The new form of one polynomial, elementwise: `value_scale` is D, `value_shift` is s."""

    name: str
    rho: FloatArray
    shift: FloatArray
    linear: FloatArray
    value_scale: FloatArray
    value_shift: FloatArray


class _Graph:
    """Who reads whom."""

    def __init__(self, made: Sequence[Stage]) -> None:
        self.made = made
        self.stages = {stage.name: stage for stage in made}
        self.readers: dict[str, list[Stage]] = {}
        for stage in made:
            for name in stage.inputs:
                self.readers.setdefault(name, []).append(stage)

    def sum_of(self, name: str) -> AddStage | None:
        """The sum that a stage reads, if it reads one."""
        found = self.stages.get(self.stages[name].inputs[0])
        return found if isinstance(found, AddStage) else None

    def next_of(self, name: str) -> Stage | None:
        """The stage behind the only sum that reads this one."""
        sums = [stage for stage in self.readers.get(name, ()) if isinstance(stage, AddStage)]
        return self.readers[sums[0].name][0] if sums else None

    def meets_sum(self, name: str) -> bool:
        """Whether a stage reads a sum or is read by one."""
        return self.sum_of(name) is not None or self.next_of(name) is not None

    def closed(self, chosen: Set[str]) -> set[str]:
        """Those whose neighbours allow it, if only they are rewritten."""
        kept = set(chosen)
        while True:
            dropped = {name for name in kept if not self._allowed(name, kept)}
            if not dropped:
                return kept
            kept -= dropped

    def _allowed(self, name: str, kept: Set[str]) -> bool:
        readers = self.readers.get(name, [])
        sums = [stage for stage in readers if isinstance(stage, AddStage)]
        if not readers or len(sums) > 1:
            return False
        for reader in readers:
            if isinstance(reader, AddStage):
                if not self._is_sum(reader, kept):
                    return False
            elif not isinstance(reader, AffineStage):
                return False
        own = self.sum_of(name)
        if own is not None:
            return self._is_sum(own, kept)
        stage = self.stages[name]
        return only_producer(self.made, stage) is not None

    def _is_sum(self, stage: AddStage, kept: Set[str]) -> bool:
        """Whether one of `kept` alone reads a sum, whose terms can be scaled."""
        readers = self.readers.get(stage.name, [])
        if len(readers) != 1 or readers[0].name not in kept or len(set(stage.inputs)) != 2:
            return False
        return self.affine_term(stage) is not None and all(
            name in kept or self._is_free(name) for name in stage.inputs
        )

    def _is_free(self, name: str) -> bool:
        return isinstance(self.stages.get(name), AffineStage) and len(self.readers[name]) == 1

    def affine_term(self, stage: AddStage) -> str | None:
        """The first affine term of a sum, which takes in the constant."""
        return next((name for name in stage.inputs if self._is_free(name)), None)


def _is_quadratic(stage: Stage) -> bool:
    """Whether a stage is a polynomial in powers with a square term in every element."""
    if not isinstance(stage, PolynomialStage) or stage.degree != 2 or stage.basis != "power":
        return False
    return bool(_terms(stage)[2].all())


def _terms(stage: PolynomialStage) -> tuple[FloatArray, FloatArray, FloatArray]:
    constant, linear, square = np.broadcast_to(stage.coefficients, (stage.size, 3)).T
    return constant, linear, square


def _forms(
    graph: _Graph, chosen: Set[str], max_abs: Mapping[str, FloatArray], losses: Losses
) -> tuple[dict[str, _Form], set[str]]:
    """The forms of the chosen polynomials, from the last to the first; those that lose too much."""
    forms: dict[str, _Form] = {}
    failed: set[str] = set()
    least = _least_sizes(graph, chosen)
    for stage in reversed(graph.made):
        if stage.name not in chosen:
            continue
        assert isinstance(stage, PolynomialStage)
        constant, linear, square = _terms(stage)
        reach, largest = max_abs[stage.input], float(max_abs[stage.name].max())
        behind = graph.next_of(stage.name)
        if behind is None:
            # As in the plain form where |a| is 1 or more; else so that y is not smaller than x.
            room = losses.amplification * largest / np.maximum(max_abs[stage.name], 1e-12 * largest)
            wanted = np.maximum(1 / np.abs(square), least[stage.name])
            size = np.clip(wanted, 1.0, np.maximum(room, 1.0))
        else:
            size = np.abs(forms[behind.name].rho)
        value_scale = np.sign(square) * size
        rho = np.sqrt(np.abs(square) * size)
        own = graph.sum_of(stage.name)
        earlier = [] if own is None else [name for name in own.inputs if name in chosen]
        if earlier:  # D of the term in the sum is this rho
            before = graph.stages[earlier[0]]
            assert isinstance(before, PolynomialStage)
            rho = rho * np.sign(_terms(before)[2])
        centre = linear / (2 * square)
        completes = np.abs(square) * (reach + np.abs(centre)) ** 2 <= losses.amplification * largest
        shift = np.where(completes, rho * centre, 0.0)
        left = np.where(completes, 0.0, rho * linear / square)
        value_shift = -(value_scale * constant + shift**2 - shift * rho * linear / square)
        forms[stage.name] = _Form(stage.name, rho, shift, left, value_scale, value_shift)
        slope = 2 * np.abs(square) * reach + np.abs(linear)
        grows = (slope / np.abs(rho)).max() > losses.gain * max(1.0, float(slope.max()))
        if grows or 1 / size.min() > losses.gain:
            failed.add(stage.name)
    return forms, failed


def _least_sizes(graph: _Graph, chosen: Set[str]) -> dict[str, FloatArray]:
    """The least |D| of each polynomial with which no rho up to it is below `_LEAST_FACTOR`."""
    least: dict[str, FloatArray] = {}
    for stage in graph.made:
        if isinstance(stage, PolynomialStage) and stage.name in chosen:
            own = graph.sum_of(stage.name)
            terms = [] if own is None else [least[name] for name in own.inputs if name in least]
            rho = np.max([np.full(stage.size, _LEAST_FACTOR), *terms], axis=0)
            least[stage.name] = rho**2 / np.abs(_terms(stage)[2])
    return least


def _rewrite(
    made: list[Stage],
    graph: _Graph,
    form: _Form,
    rewritten: Set[str],
    forms: Mapping[str, _Form],
) -> None:
    """Rewrite one polynomial in place, the stages in front of it, and its affine readers."""
    index = {stage.name: i for i, stage in enumerate(made)}
    at = index[form.name]
    stage = made[at]
    assert isinstance(stage, PolynomialStage)
    own = graph.sum_of(form.name)
    if own is None:
        scale_outputs(made, index[stage.input], form.rho, form.shift)
    else:
        constants = [forms[name].value_shift for name in own.inputs if name in rewritten]
        for name in own.inputs:
            if name not in rewritten:
                taken = form.shift - sum(constants) if name == graph.affine_term(own) else 0.0
                scale_outputs(made, index[name], form.rho, np.broadcast_to(taken, form.rho.shape))
        made[index[own.name]] = replace(own, scale=form.rho, shift=form.shift)
    readers = [
        index[reader.name]
        for reader in graph.readers[form.name]
        if isinstance(reader, AffineStage)
    ]
    scale_inputs(
        made, readers, form.name, 1 / form.value_scale, -form.value_shift / form.value_scale
    )
    zeros, ones = np.zeros_like(form.linear), np.ones_like(form.linear)
    rows = np.stack([zeros, form.linear, ones], axis=-1)
    made[at] = replace(
        stage,
        coefficients=rows[0] if not form.linear.any() else rows,
        scale=form.value_scale,
        shift=form.value_shift,
    )
