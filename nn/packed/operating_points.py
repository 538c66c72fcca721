"""The values at which the slopes of a network's stages are taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from he.ckks.circuits.polynomial_circuit import PolynomialCircuit
from he.ckks.circuits.polynomial_noise import PolynomialNoise, RescalingWeights
from nn.network.graph import INPUT, Network
from nn.network.layers import FloatArray
from nn.packed.layout import IntArray
from nn.packed.packed_network import PackedStage
from nn.stages.stage import PolynomialStage, SquareStage, Stage
from nn.stages.typical import Growth, typical_values

_GRID = 17


@dataclass(frozen=True, eq=False)
class OperatingPoints:
    """Values of every stage, and of "input", by name: (points, size).

    A point is an image with its values; or, with `are_bounds`, bounds on the absolute values of all
    images: no image needs to have these values, but none has steeper slopes; or typical values with
    the `growth` of errors at images beyond errors there, and the `reach` of all values.
    """

    values: Mapping[str, FloatArray]
    are_bounds: bool
    growth: Mapping[str, Growth] = field(default_factory=dict)
    reach: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of_images(cls, packed: Sequence[PackedStage], images: FloatArray) -> OperatingPoints:
        """The values of each image (B, ...)."""
        values = {INPUT: images.reshape(len(images), -1)}
        # Values that overflow do not come this far: no level holds them.
        with np.errstate(over="ignore", invalid="ignore"):
            for item in packed:
                values[item.name] = item.stage.evaluate(*(values[name] for name in item.inputs))
        return cls(values, are_bounds=False)

    @classmethod
    def of_bounds(cls, bounds: Mapping[str, FloatArray]) -> OperatingPoints:
        """One point of bounds (size,) on the absolute values of every stage and of "input"."""
        return cls({name: bound[None] for name, bound in bounds.items()}, are_bounds=True)

    @classmethod
    def of_statistics(
        cls, network: Network, packed: Sequence[PackedStage], reach: Mapping[str, FloatArray]
    ) -> OperatingPoints:
        """One point of typical values, of a network that knows the growth of errors.

        reach: bounds (size,) on the absolute values of every stage and of "input".
        """
        typical = typical_values(network, [item.stage for item in packed])
        return cls(typical.values, are_bounds=False, growth=typical.growth, reach=reach)

    def rows(self, indices: IntArray) -> OperatingPoints:
        """The points with these indices, one for each index."""
        values = {name: value[indices] for name, value in self.values.items()}
        return replace(self, values=values)

    def growth_of(self, name: str) -> Growth:
        """The growth of errors at a value: 1 where the points are images or bounds."""
        return self.growth.get(name, Growth())

    def slope(self, stage: Stage) -> FloatArray:
        """The derivative of an elementwise stage by its only input, (points, size)."""
        if isinstance(stage, SquareStage):
            result: FloatArray = 2 * self.values[stage.input]
            return result
        return self.polynomial(stage).slope

    def polynomial(self, stage: Stage) -> PolynomialNoise:
        """The errors within a polynomial stage."""
        assert isinstance(stage, PolynomialStage)
        circuit = PolynomialCircuit(stage.polynomial)
        return PolynomialNoise(circuit, self.values[stage.input], bounds=self.are_bounds)

    def polynomial_weights(self, stage: PolynomialStage) -> RescalingWeights:
        """What multiplies the errors within a polynomial stage, for each point and element.

        At typical values the largest within the reach of each element.
        """
        if not self.reach:
            return self.polynomial(stage).weights
        grid = np.linspace(-1.0, 1.0, _GRID)[:, None]
        circuit = PolynomialCircuit(stage.polynomial)
        return PolynomialNoise(circuit, grid * self.reach[stage.input]).weights.largest()

    def sizes(self, name: str) -> FloatArray:
        """Values of the size that a value takes, (points, size): at typical values the largest."""
        values = self.values[name]
        return np.copysign(self.reach[name], values) if self.reach else values

    def excess(self, name: str) -> float:
        """How much larger `sizes` are than the values, in the root mean square."""
        square = float(np.sum(self.values[name] ** 2))
        return math.sqrt(float(np.sum(self.sizes(name) ** 2)) / square) if square else 1.0

    def curvature(self, stage: Stage) -> FloatArray:
        """Half the second derivative of an elementwise stage at its values, (points, size)."""
        x = self.values[stage.input]
        if isinstance(stage, SquareStage):
            return np.ones_like(x)
        assert isinstance(stage, PolynomialStage)
        result: FloatArray = stage.derivative(2).evaluate(x) / 2
        return result
