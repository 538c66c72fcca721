"""The predicted errors of a packed network, before any key exists.

Two passes work together. The forward pass carries the variance of every element through the stages
of every point (an image, or bounds on all images) and counts the errors of different elements as
independent. It is cheap, and finds for each answer the image where its error is largest. There the
backward pass (`nn.packed.answer_errors`) has the variance with all dependences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.params import CKKSParameters
from nn.inference.level_noise import LevelNoise
from nn.inference.worst_answers import IntArray, all_deviations, worst_answers
from nn.network.error_growth import MOST_ANSWERS
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.answer_errors import AnswerErrors, Term, answer_errors
from nn.packed.baby_steps import divides_baby_steps
from nn.packed.operating_points import OperatingPoints
from nn.packed.packed_network import PackedStage
from nn.stages.levels import kept_squares, start_level
from nn.stages.stage import (
    AffineStage,
    BootstrapStage,
    PolynomialStage,
    ProductStage,
    SquareStage,
)

_MOST_NUMBERS = 1 << 23
"""The most derivatives at a time: 64 MiB."""


class Prediction:
    """The errors of a network's answers under any parameters.

    packed: the network. levels: the level of every stage's value, and of "input". points: where
    slopes are taken. The largest error over the points counts.
    """

    def __init__(
        self, packed: Sequence[PackedStage], levels: Mapping[str, int], points: OperatingPoints
    ) -> None:
        self._packed = packed
        self._levels = levels
        self._points = points
        self._output = packed[-1].name
        self._worst: tuple[IntArray, AnswerErrors] | None = None

    def deviations(self, params: CKKSParameters) -> FloatArray:
        """The standard deviation of each answer's error, (outputs,)."""
        noise = LevelNoise(params)
        if self._points.are_bounds:
            # No image has these values, so its derivatives have no signs that could be known.
            with np.errstate(over="ignore", invalid="ignore"):
                bound = np.sqrt(self._forward(noise)[self._output][0])
            return np.where(np.isnan(bound), np.inf, bound)
        if self._worst is None:
            # Growth is infinite where the points let nothing through.
            with np.errstate(over="ignore", invalid="ignore"):
                self._worst = self._found(noise)
        answers, errors = self._worst
        exact = np.nan_to_num(errors.deviations(noise), nan=np.inf, posinf=np.inf)
        if len(answers) < self._packed[-1].stage.size:
            return all_deviations(self._forward(noise)[self._output], answers, exact)
        found: FloatArray = np.empty(len(answers))
        found[answers] = exact
        return found

    def error_terms(self, params: CKKSParameters) -> Sequence[Term]:
        """The terms of the answers' errors, at the images that `params` make the worst; none where
        only bounds are known.
        """
        if self._points.are_bounds:
            return ()
        with np.errstate(over="ignore", invalid="ignore"):
            return self._found(LevelNoise(params))[1].terms

    def stage_deviations(self, params: CKKSParameters) -> dict[str, float]:
        """The largest deviation of an element of each stage's value, from the forward pass."""
        with np.errstate(over="ignore", invalid="ignore"):
            return {
                name: float(np.sqrt(variance.max() * self._points.growth_of(name).carried))
                for name, variance in self._forward(LevelNoise(params)).items()
            }

    def _forward(self, noise: LevelNoise) -> dict[str, FloatArray]:
        return variances(self._packed, self._levels, self._points, noise)

    def _found(self, noise: LevelNoise) -> tuple[IntArray, AnswerErrors]:
        """The answers that the backward pass takes, and their errors."""
        forward = self._forward(noise)
        slots = max(item.layout.ciphertexts * item.layout.n_slots for item in self._packed)
        most = min(MOST_ANSWERS, max(1, _MOST_NUMBERS // slots))
        answers, rows = worst_answers(forward[self._output], most)
        chosen = {name: variance[rows] for name, variance in forward.items()}
        points = self._points.rows(rows)
        return answers, answer_errors(
            self._packed, self._levels, points, chosen, answers, noise
        )


def variances(
    packed: Sequence[PackedStage],
    levels: Mapping[str, int],
    points: OperatingPoints,
    noise: LevelNoise,
) -> dict[str, FloatArray]:
    """The variances of every value's error at every point, by name: (points, size).

    The errors of different elements count as independent.
    """
    fresh = noise.fresh(levels[INPUT])
    found = {INPUT: np.full(points.values[INPUT].shape, fresh)}
    kept = kept_squares((item.stage for item in packed), levels)
    for item in packed:
        level = start_level(item.stage, levels)
        inputs = []
        for name in item.inputs:
            variance = found[name]
            if levels[name] > level:
                # `drop_to`: a rounding, and a rounded integer factor.
                number = noise.number(level)
                if name in kept:
                    number = noise.moved_square(level, levels[name])
                variance = variance + noise.rounding(level) + number * points.values[name] ** 2
            inputs.append(variance)
        found[item.name] = _after(item, level, inputs, points, noise, kept)
    return found


def _after(
    item: PackedStage,
    level: int,
    inputs: Sequence[FloatArray],
    points: OperatingPoints,
    noise: LevelNoise,
    kept: frozenset[str],
) -> FloatArray:
    """The variances of a stage's value, from those of its inputs; kept: `kept_squares`."""
    stage, variance = item.stage, inputs[0]
    if isinstance(stage, AffineStage):
        return _after_affine(item, level, variance, points, noise, kept)
    if isinstance(stage, SquareStage):
        own = noise.square(level) if item.name in kept else noise.product(level)
        return points.slope(stage) ** 2 * variance + 2 * variance**2 + own
    if isinstance(stage, PolynomialStage):
        within = points.polynomial(stage)
        scales = PolynomialScales(noise.params, within.circuit, level)
        added = within.added_variance(scales, noise.params.noise_model)
        return within.slope**2 * variance + added
    if isinstance(stage, ProductStage):
        x, y = (points.values[name] ** 2 for name in stage.inputs)
        both = inputs[0] * inputs[1]
        return y * inputs[0] + x * inputs[1] + both + noise.product(level)
    if isinstance(stage, BootstrapStage):
        return variance + noise.bootstrap(level)
    return inputs[0] + inputs[1]


def _after_affine(
    item: PackedStage,
    level: int,
    variance: FloatArray,
    points: OperatingPoints,
    noise: LevelNoise,
    kept: frozenset[str],
) -> FloatArray:
    """The variances behind an affine map.

    The weights multiply the input's error and the error of the baby rotations. The encoding error
    of each diagonal multiplies the input. The division at the end rounds, and each fold doubles the
    variance and adds a key switch.
    """
    assert isinstance(item.stage, AffineStage)
    assert item.affine is not None
    weights = item.stage.affine.matrix.power(2)
    power = 1 + (item.inputs[0] in kept)
    divided = divides_baby_steps(noise.params, item.affine, level)
    steps = noise.divided_baby_steps if divided else noise.baby_steps
    carried = (weights @ (variance + steps(level, power)).T).T
    rounded = noise.encoding(level)
    if kept:
        rounded = noise.weights(level, power, item.affine.choice.unit)
    mean_square = np.mean(points.values[item.inputs[0]] ** 2, axis=1, keepdims=True)
    diagonals = item.affine.diagonals / item.affine.out_layout.ciphertexts
    doublings = len(item.affine.folds)
    encoding = diagonals * mean_square * rounded * 2**doublings
    added = noise.rounding(level - 1) + noise.encoding(level - 1)
    for _ in range(doublings):
        added = 2 * added + noise.key_switch(level - 1)
    result: FloatArray = carried + encoding + added
    return result
