"""How a network amplifies small errors of its values.

Ciphertexts carry errors of about one size at every layer. What an error does to the answer depends
on the slopes of the activations, so on the image. `GrowthObserver` looks at many images and keeps
maxima over all of them: a few numbers for each value of the network, and nothing of any one image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from nn.errors import LayerParameterError
from nn.network.activation import Chebyshev, Polynomial
from nn.network.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
    freeze_array,
    per_channel,
)
from nn.network.linear_map import LinearMap, Reshape
from nn.network.two_inputs import Multiply

MOST_CANDIDATES = 32
"""The most images whose derivatives are computed: those that amplify errors most."""
MOST_ANSWERS = 64
"""The most answers whose derivatives are computed: those with the largest errors."""


class LayerNode(Protocol):
    """A layer with the names of its value and of the values that it reads."""

    @property
    def name(self) -> str:
        """The name of the value."""

    @property
    def layer(self) -> Layer:
        """The layer."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what the layer reads."""


@dataclass(frozen=True, eq=False)
class ErrorGrowth:
    """How large errors at one value of a network become, at the most, over a set of images.

    gains: ``(2, answers)``, the sum of the squares of an answer's derivatives by the elements of
    the value. First the paths from an element to the answer are added up, as for an error that all
    of them share; then their squares, as for errors apart. carried: the mean over the elements of
    the variance of the value's error, if every value before has an error of variance 1 in each
    element, and this value too. Each number is a maximum over the images.
    """

    gains: FloatArray
    carried: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gains", freeze_array(self.gains, "gains", (2,)))
        object.__setattr__(self, "carried", float(self.carried))
        if len(self.gains) != 2 or (self.gains < 0).any():
            raise LayerParameterError("gains are no two sums of squares for each answer")
        if not (np.isfinite(self.carried) and self.carried >= 1):
            raise LayerParameterError(
                f"carried is {self.carried}; a finite variance of at least 1 is needed"
            )


def growth_at(
    nodes: Sequence[LayerNode], values: Mapping[str, FloatArray]
) -> dict[str, ErrorGrowth]:
    """The growth over images with these values: ``(B, *shape)`` by name, the input first.

    The values need not fit together: every slope is taken where its own layer reads. Raises
    `LayerParameterError` where a number is not finite.
    """
    outputs = int(np.prod(values[nodes[-1].name].shape[1:]))
    observer = GrowthObserver(nodes, outputs)
    observer.add(values)
    return observer.found(most_answers=outputs)


class GrowthObserver:
    """Takes the values of images and keeps the largest growth of errors at each value.

    outputs: the elements of the last node's value.
    """

    def __init__(self, nodes: Sequence[LayerNode], outputs: int) -> None:
        self._nodes = nodes
        self._carried: dict[str, float] = {}
        self._candidates: dict[str, FloatArray] = {}
        self._amplified: FloatArray = np.zeros((0, outputs))

    def add(self, values: Mapping[str, FloatArray]) -> None:
        """Take images with these values: ``(B, *shape)`` by name, the input first."""
        with np.errstate(over="ignore", invalid="ignore"):
            carried = carried_variances(self._nodes, values)
        for name, variances in carried.items():
            largest = float(variances.reshape(len(variances), -1).mean(axis=1).max())
            # NumPy's maximum keeps NaN.
            self._carried[name] = float(np.maximum(self._carried.get(name, 0.0), largest))
        output = carried[self._nodes[-1].name]
        amplified = np.concatenate([self._amplified, output.reshape(len(output), -1)])
        chosen = np.array(most_amplifying(amplified, MOST_CANDIDATES))
        earlier = chosen < len(self._amplified)
        here = chosen[~earlier] - len(self._amplified)
        self._candidates = {
            name: np.concatenate([self._candidates[name][chosen[earlier]], value[here]])
            if name in self._candidates
            else value[here]
            for name, value in values.items()
        }
        self._amplified = amplified[chosen]

    def found(self, most_answers: int = MOST_ANSWERS) -> dict[str, ErrorGrowth]:
        """The growth at every value, by name; derivatives of so many answers are computed."""
        answers = np.argsort(-self._amplified.max(axis=0), kind="stable")[:most_answers]
        outputs = self._amplified.shape[1]
        found = {name: np.zeros((2, outputs)) for name in self._candidates}
        for answer in answers.tolist():
            for name, squares in squared_derivatives(self._nodes, self._candidates, answer).items():
                found[name][:, answer] = squares.max(axis=1)
        others = np.setdiff1d(np.arange(outputs), answers)
        for gains in found.values():
            # The others are smaller in all, but not at each value: the largest is a bound.
            gains[:, others] = gains.max(axis=1, keepdims=True)
        return {name: ErrorGrowth(gains, self._carried[name]) for name, gains in found.items()}


def carried_variances(
    nodes: Sequence[LayerNode], values: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """The variance of every value's error, by name, if each layer adds errors of variance 1.

    The errors of different elements count as independent.
    """
    source = next(iter(values))
    found = {source: np.ones_like(values[source])}
    for node in nodes:
        inputs = [values[name] for name in node.inputs]
        before = [found[name] for name in node.inputs]
        found[node.name] = variance_after(node.layer, inputs, before) + 1
    return found


def squared_derivatives(
    nodes: Sequence[LayerNode], values: Mapping[str, FloatArray], answer: int
) -> dict[str, FloatArray]:
    """The sums of the squared derivatives of one answer by the elements of each value.

    They are ``(2, B)`` for ``B`` images, with paths added up and apart as `ErrorGrowth` says.
    """
    last = nodes[-1].name
    seed = np.zeros_like(values[last])
    seed.reshape(len(seed), -1)[:, answer] = 1.0
    found = {name: np.zeros((2, len(seed))) for name in values}
    with np.errstate(over="ignore", invalid="ignore"):
        for power in (1, 2):
            powers = {last: seed}
            for node in reversed(nodes):
                by_value = powers.get(node.name)
                if by_value is None:
                    continue
                inputs = [values[name] for name in node.inputs]
                by_inputs = powers_before(node.layer, inputs, by_value, power)
                for name, by_input in zip(node.inputs, by_inputs, strict=True):
                    before = powers.get(name)
                    powers[name] = by_input if before is None else before + by_input
            for name, by_value in powers.items():
                squares = by_value ** (2 // power)
                found[name][power - 1] = squares.reshape(len(seed), -1).sum(axis=1)
    return found


def variance_after(
    layer: Layer, values: Sequence[FloatArray], variances: Sequence[FloatArray]
) -> FloatArray:
    """The variance of a layer's output, ``(B, *output_shape)``, to the first order.

    values: the inputs of the layer. variances: those of the inputs' errors, which count as
    independent of each other. A layer of an unknown kind lets no error through.
    """
    variance = variances[0]
    if isinstance(layer, (Conv2d, Linear)):
        squared = replace(layer, weight=layer.weight**2, bias=np.zeros_like(layer.bias))
        return squared.forward(variance)
    if isinstance(layer, AvgPool2d):
        return layer.forward(variance) / (layer.kernel[0] * layer.kernel[1])
    if isinstance(layer, LinearMap):
        return replace(layer, values=layer.values**2, bias=np.zeros_like(layer.bias)).forward(
            variance
        )
    if isinstance(layer, (Flatten, Reshape)):
        return layer.forward(variance)
    if isinstance(layer, Add):
        return layer.forward(*variances)
    if isinstance(layer, BatchNorm):
        return variance * per_channel(layer.scale**2, variance.ndim)
    if isinstance(layer, Multiply):
        return values[1] ** 2 * variances[0] + values[0] ** 2 * variances[1]
    if isinstance(layer, Chebyshev):
        return layer.slope(values[0]) ** 2 * variance
    if isinstance(layer, Polynomial):
        return _slope(layer, values[0]) ** 2 * variance
    return np.zeros_like(layer.forward(*values))


def powers_before(
    layer: Layer, values: Sequence[FloatArray], by_output: FloatArray, power: int
) -> list[FloatArray]:
    """Derivatives to a power by each input of a layer, from those by its output, ``(B, *shape)``.

    values: the inputs of the layer. power: 1 adds up the derivatives of all paths, 2 their squares.
    A layer of an unknown kind lets no error through.
    """
    shape = values[0].shape[1:]
    if isinstance(layer, Linear):
        return [by_output @ layer.weight**power]
    if isinstance(layer, LinearMap):
        rows = by_output.reshape(len(by_output), -1)
        return [(layer.matrix(power).T @ rows.T).T.reshape(len(by_output), *shape)]
    if isinstance(layer, (Flatten, Reshape)):
        return [by_output.reshape(len(by_output), *shape)]
    if isinstance(layer, Add):
        return [by_output, by_output]
    if isinstance(layer, Multiply):
        return [by_output * values[1] ** power, by_output * values[0] ** power]
    if isinstance(layer, Chebyshev):
        return [by_output * layer.slope(values[0]) ** power]
    if isinstance(layer, BatchNorm):
        return [by_output * per_channel(layer.scale**power, by_output.ndim)]
    if isinstance(layer, Polynomial):
        return [by_output * _slope(layer, values[0]) ** power]
    if isinstance(layer, AvgPool2d):
        mean = by_output / (layer.kernel[0] * layer.kernel[1]) ** power
        return [_scattered(layer, shape, mean, lambda *_: mean)]
    if isinstance(layer, Conv2d):
        batch, _, *size = by_output.shape
        groups = layer.groups
        flat = by_output.reshape(batch, groups, -1, int(np.prod(size)))
        # (u, v, group, input, output)
        weight = (layer.weight**power).reshape(groups, -1, *layer.weight.shape[1:])
        weight = np.ascontiguousarray(np.transpose(weight, (3, 4, 0, 2, 1)))

        def at(u: int, v: int) -> FloatArray:
            result: FloatArray = (weight[u, v] @ flat).reshape(batch, -1, *size)
            return result

        return [_scattered(layer, shape, by_output, at)]
    return [np.zeros_like(value) for value in values]


def _scattered(
    layer: Conv2d | AvgPool2d,
    shape: Shape,
    by_output: FloatArray,
    at: Callable[[int, int], FloatArray],
) -> FloatArray:
    """The derivatives by the image of windows; at: those by element (u, v) of every window."""
    channels, height, width = shape
    (pad_y, pad_x), (step_y, step_x) = layer.padding, layer.stride
    rows, columns = by_output.shape[2:]
    padded = np.zeros((len(by_output), channels, height + 2 * pad_y, width + 2 * pad_x))
    for u in range(layer.kernel[0]):
        for v in range(layer.kernel[1]):
            ends = u + step_y * rows, v + step_x * columns
            padded[:, :, u : ends[0] : step_y, v : ends[1] : step_x] += at(u, v)
    return padded[:, :, pad_y : pad_y + height, pad_x : pad_x + width]


def _slope(layer: Polynomial, values: FloatArray) -> FloatArray:
    """The derivative of an activation at the values that it reads."""
    powers = np.arange(1, layer.degree + 1)
    slopes = np.atleast_2d(layer.coefficients[..., 1:] * powers)
    slope = np.zeros_like(values)
    for column in slopes.T[::-1]:
        slope = slope * values + per_channel(column, values.ndim)
    return slope


def most_amplifying(variances: FloatArray, most: int) -> list[int]:
    """The indices of up to `most` images with the largest variances, ascending.

    variances: of each image's outputs, (images, outputs). Every output has its turn in choosing the
    next image, those with the largest variance first.
    """
    order = np.argsort(-variances, axis=0, kind="stable")
    outputs = np.argsort(-variances.max(axis=0), kind="stable")
    chosen: dict[int, None] = {}
    for image in order[:, outputs].ravel().tolist():
        chosen[image] = None
        if len(chosen) == most:
            break
    return sorted(chosen)
