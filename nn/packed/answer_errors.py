"""The errors of a packed network's answers: every error on the way, times what it does to them.

An answer depends on each slot of each value through a derivative. The derivatives of one answer by
all slots come from one pass backwards through the diagonals. An error counts with the square of its
derivative. So errors that several paths share are counted together, with their signs, and those of
different slots apart: to the first order this is the variance itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from he.ckks.circuits.polynomial_noise import RescalingWeights
from he.ckks.circuits.polynomial_scales import PolynomialScales
from he.ckks.params import CKKSParameters
from nn.inference.level_noise import SQUARED_VARIANCE, LevelNoise
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.baby_steps import divides_baby_steps
from nn.packed.layout import IntArray, TensorLayout
from nn.packed.operating_points import OperatingPoints
from nn.packed.packed_network import PackedStage, network_input_layout, slot_polynomials
from nn.stages.levels import kept_squares, start_level
from nn.stages.stage import (
    AddStage,
    AffineStage,
    BootstrapStage,
    PolynomialStage,
    ProductStage,
    SquareStage,
)
from nn.stages.typical import Growth


class Term(NamedTuple):
    """Errors of one kind: `kind` is a method of `LevelNoise`, `at` its arguments, a level first.

    weights: the sums of the squared derivatives, one for each answer.
    """

    kind: str
    at: tuple[int, ...]
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class AnswerErrors:
    """The errors of answers: what multiplies the variances of a parameter set.

    polynomials: the weights within each polynomial stage, with the level at which it starts. shift,
    scatter: the mean and the variance that squares of errors bring, under the noise of `reference`.
    """

    terms: Sequence[Term]
    polynomials: Sequence[tuple[int, RescalingWeights]]
    shift: FloatArray
    scatter: FloatArray
    reference: LevelNoise

    def deviations(self, noise: LevelNoise) -> FloatArray:
        """The standard deviation of each answer's error, with the size of its mean."""
        # Errors of twice the deviation have squares of four times the size.
        growth = noise.rounding(0) / self.reference.rounding(0)
        variance = growth**2 * self.scatter
        for term in self.terms:
            variance = variance + term.weights * getattr(noise, term.kind)(*term.at)
        for level, weights in self.polynomials:
            scales = PolynomialScales(noise.params, weights.circuit, level)
            variance = variance + weights.variance(scales, noise.params.noise_model)
        result: FloatArray = np.sqrt(variance) + growth * np.abs(self.shift)
        return result


def answer_errors(
    packed: Sequence[PackedStage],
    levels: Mapping[str, int],
    points: OperatingPoints,
    variances: Mapping[str, FloatArray],
    outputs: IntArray,
    noise: LevelNoise,
) -> AnswerErrors:
    """The errors of the answers' elements `outputs`, each for an image of its own.

    levels: the level of every stage's value, and of "input". points, variances: for each of the
    outputs an image, and the variances (outputs, size) of every value's error there under `noise`.
    """
    walk = _Backward(packed, levels, points, variances, outputs, noise.params)
    for item in reversed(packed):
        walk.through(item)
    walk.into_input()
    return AnswerErrors(tuple(walk.terms), tuple(walk.polynomials), walk.shift, walk.scatter, noise)


@dataclass(eq=False)
class _Backward:
    """Derivatives (outputs, ciphertexts, n_slots) of the answers by the values not yet passed."""

    packed: Sequence[PackedStage]
    levels: Mapping[str, int]
    points: OperatingPoints
    variances: Mapping[str, FloatArray]
    outputs: IntArray
    params: CKKSParameters
    terms: list[Term] = field(default_factory=list)
    polynomials: list[tuple[int, RescalingWeights]] = field(default_factory=list)

    def __post_init__(self) -> None:
        last = self.packed[-1]
        count, layout = len(self.outputs), last.layout
        ciphertext, slot = np.divmod(layout.positions[self.outputs], layout.n_slots)
        seeds = np.zeros((count, layout.ciphertexts, layout.n_slots))
        seeds[np.arange(count), ciphertext, slot] = 1.0
        self._by_value = {last.name: seeds}
        self._items = {item.name: item for item in self.packed}
        self._input = network_input_layout([item.stage for item in self.packed], layout.n_slots)
        self.shift: FloatArray = np.zeros(count)
        self.scatter: FloatArray = np.zeros(count)
        self._kept = kept_squares((item.stage for item in self.packed), self.levels)

    def through(self, item: PackedStage) -> None:
        """Note the errors of a stage, and hand the derivatives on to its inputs."""
        by_value = self._by_value.pop(item.name)
        level = start_level(item.stage, self.levels)
        if isinstance(item.stage, AffineStage):
            by_inputs = [self._through_affine(item, level, by_value)]
        elif isinstance(item.stage, AddStage):
            by_inputs = [by_value, by_value]
        elif isinstance(item.stage, ProductStage):
            by_inputs = self._through_product(item, level, by_value)
        elif isinstance(item.stage, BootstrapStage):
            self._note("bootstrap", (level,), by_value**2, item.name)
            by_inputs = [by_value]
        else:
            by_inputs = [self._through_elementwise(item, level, by_value)]
        for name, by_input in zip(item.inputs, by_inputs, strict=True):
            if self.levels[name] > level:
                self._note("rounding", (level,), by_input**2, name)
                sizes = self._layout(name).pack_flat(self.points.sizes(name) ** 2)
                at: tuple[str, tuple[int, ...]] = ("number", (level,))
                if name in self._kept:
                    at = ("moved_square", (level, self.levels[name]))
                self._note(*at, by_input**2 * sizes, name)
            before = self._by_value.get(name)
            self._by_value[name] = by_input if before is None else before + by_input

    def into_input(self) -> None:
        """Note the errors of the encrypted image."""
        self._note("fresh", (self.levels[INPUT],), self._by_value.pop(INPUT) ** 2, INPUT)

    def _note(self, kind: str, at: tuple[int, ...], squares: FloatArray, name: str) -> None:
        """Note errors of the value `name`."""
        weights = squares.sum(axis=(-1, -2)) * self._growth(name).gains
        self.terms.append(Term(kind, at, weights))

    def _growth(self, name: str) -> Growth:
        return self.points.growth_of(name).of_answers(self.outputs)

    def _through_affine(self, item: PackedStage, level: int, by_value: FloatArray) -> FloatArray:
        affine = item.affine
        assert affine is not None
        source = item.inputs[0]
        self._note("encoding", (level - 1,), by_value**2, item.name)
        for step in reversed(affine.folds):
            self._note("key_switch", (level - 1,), by_value**2, item.name)
            by_value = by_value + np.roll(by_value, step, axis=-1)
        # The giant steps are rounded while a factor q_level still multiplies the message; only the
        # division's own rounding counts.
        self._note("rounding", (level - 1,), by_value**2, item.name)
        read = affine.gathered(self._slots(source) ** 2)
        by_input = affine.transposed(by_value)
        power = 1 + (source in self._kept)
        encoded: tuple[str, tuple[int, ...]] = ("encoding", (level,))
        if self._kept:
            encoded = ("weights", (level, power, affine.choice.unit))
        self._note(*encoded, by_value**2 * read, item.name)
        # The baby rotations of a slot switch keys one by one; they count as one.
        divided = divides_baby_steps(self.params, affine, level)
        steps = "divided_baby_steps" if divided else "baby_steps"
        self._note(steps, (level, power), by_input**2, source)
        return by_input

    def _through_elementwise(
        self, item: PackedStage, level: int, by_value: FloatArray
    ) -> FloatArray:
        stage, layout, gains = item.stage, item.layout, self._growth(item.name).gains
        if isinstance(stage, PolynomialStage):
            squares = layout.sum_repetitions(by_value**2) * np.reshape(gains, (-1, 1))
            weights = self.points.polynomial_weights(stage).summed(squares)
            self.polynomials.append((level, weights))
        else:
            kind = "square" if item.name in self._kept else "product"
            self._note(kind, (level,), by_value**2, item.name)
        # p(y + e) = p(y) + p'(y) e + p''(y) / 2 e^2: the last term has a mean and a variance.
        variances = self.variances[stage.input] * self._growth(stage.input).carried
        bent = self.points.curvature(stage) * variances
        shift = np.sum(layout.sum_repetitions(by_value) * bent, axis=-1)
        self.shift = self.shift + np.sqrt(gains) * shift
        scattered = np.sum(layout.sum_repetitions(by_value**2) * bent**2, axis=-1)
        self.scatter = self.scatter + SQUARED_VARIANCE * gains * scattered
        return by_value * layout.pack_flat(self.points.slope(stage))

    def _through_product(
        self, item: PackedStage, level: int, by_value: FloatArray
    ) -> list[FloatArray]:
        self._note("product", (level,), by_value**2, item.name)
        # (x + e)(y + f) = x y + y e + x f + e f: the errors e and f may depend on each other.
        spread = np.sqrt(
            np.prod([self.variances[n] * self._growth(n).carried for n in item.inputs], axis=0)
        )
        layout, gains = item.layout, self._growth(item.name).gains
        shift = np.sum(np.abs(layout.sum_repetitions(by_value)) * spread, axis=-1)
        self.shift = self.shift + np.sqrt(gains) * shift
        scattered = np.sum(layout.sum_repetitions(by_value**2) * spread**2, axis=-1)
        self.scatter = self.scatter + SQUARED_VARIANCE * gains * scattered
        x, y = (layout.pack_flat(self.points.values[name]) for name in item.inputs)
        return [by_value * y, by_value * x]

    def _layout(self, name: str) -> TensorLayout:
        return self._input if name == INPUT else self._items[name].layout

    def _slots(self, name: str) -> FloatArray:
        """The sizes of the values in all slots, (outputs, ciphertexts, n_slots)."""
        layout = self._layout(name)
        elements = layout.pack_flat(self.points.sizes(name))
        taken = layout.pack_flat(np.ones(layout.size)) != 0
        return np.where(taken, elements, self._between(name, elements))

    def _between(self, name: str, elements: FloatArray) -> FloatArray:
        """What folds leave between the elements: diagonals multiply it by their errors."""
        item = self._items.get(name)
        if item is None:
            return elements
        if item.affine is not None:
            if not item.affine.folds:
                return elements
            source = item.inputs[0]
            read = self._layout(source).pack_flat(self.points.values[source])
            return item.affine.apply(read) * self.points.excess(name)
        inputs = [self._slots(source) for source in item.inputs]
        if isinstance(item.stage, SquareStage):
            return inputs[0] ** 2
        if isinstance(item.stage, PolynomialStage):
            slots = zip(slot_polynomials(item), np.moveaxis(inputs[0], 1, 0), strict=True)
            return np.stack([polynomial(values) for polynomial, values in slots], axis=1)
        if isinstance(item.stage, ProductStage):
            return inputs[0] * inputs[1]
        if isinstance(item.stage, BootstrapStage):
            return inputs[0]
        return inputs[0] + inputs[1]
