"""Layers of two inputs beside the sum: the product, and the larger of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nn.errors import ShapeError
from nn.network.layers import FloatArray, Layer, Shape


@dataclass(frozen=True, eq=False)
class Maximum(Layer):
    """The larger of two inputs of one shape, elementwise; it is no polynomial."""

    arity: ClassVar[int] = 2

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return check_equal_shapes(self, input_shapes)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        result: FloatArray = np.maximum(inputs[0], inputs[1])
        return result


@dataclass(frozen=True, eq=False)
class Multiply(Layer):
    """The product of two inputs of one shape, elementwise. It runs encrypted, in one level."""

    arity: ClassVar[int] = 2

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return check_equal_shapes(self, input_shapes)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        result: FloatArray = inputs[0] * inputs[1]
        return result


def check_equal_shapes(layer: Layer, input_shapes: tuple[Shape, ...]) -> Shape:
    """The shape of two inputs; raises `ShapeError` for other numbers or different shapes."""
    if len(input_shapes) != 2 or input_shapes[0] != input_shapes[1]:
        raise ShapeError(
            f"{type(layer).__name__} needs two inputs of one shape, got {list(input_shapes)}"
        )
    return input_shapes[0]
