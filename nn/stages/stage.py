"""The stages of an encrypted network: affine maps, squares, polynomials, sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.polynomial import Polynomial
from nn.network.layers import FloatArray, Shape
from nn.stages.affine import Affine


@dataclass(frozen=True, eq=False)
class Stage(ABC):
    """One stage of the encrypted circuit, on row-major flattened tensors.

    It reads the stages named in `inputs` (or "input") and computes the network's `layers`, in
    order. Its value is ``scale * v + shift``, elementwise, where ``v`` is the network's value
    called `node`: rewriting moves factors and constants from stage to stage. `max_abs` bounds the
    absolute value of each element. `scale`, `shift` and `max_abs` are ``(size,)``. `shape` is the
    tensor's shape. Flattening moves no element, so a flattened image keeps its image shape, except
    as the network's output.
    """

    name: str
    layers: tuple[str, ...]
    inputs: tuple[str, ...]
    shape: Shape
    node: str
    scale: FloatArray
    shift: FloatArray
    max_abs: FloatArray

    @property
    def size(self) -> int:
        """Elements of the value."""
        return int(np.prod(self.shape))

    @property
    def input(self) -> str:
        """The only stage that this one reads."""
        (name,) = self.inputs
        return name

    @property
    @abstractmethod
    def levels(self) -> int:
        """Multiplicative levels that the stage takes."""

    @abstractmethod
    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        """The value in the clear, ``(B, size)`` from inputs ``(B, input_size)``."""

    @abstractmethod
    def bounds(self, *inputs: Interval) -> Interval:
        """An interval around each element of the value, from intervals around the inputs."""


Interval = tuple[FloatArray, FloatArray]
"""Least and greatest values, elementwise."""


@dataclass(frozen=True, eq=False)
class AffineStage(Stage):
    """``matrix @ x + bias``."""

    affine: Affine

    @property
    def levels(self) -> int:
        return 1

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        return self.affine(inputs[0])

    def bounds(self, *inputs: Interval) -> Interval:
        return self.affine.bounds(*inputs[0])


@dataclass(frozen=True, eq=False)
class SquareStage(Stage):
    """``x * x``."""

    @property
    def levels(self) -> int:
        return 1

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        result: FloatArray = inputs[0] * inputs[0]
        return result

    def bounds(self, *inputs: Interval) -> Interval:
        return polynomial_bounds(np.array([0.0, 0.0, 1.0]), inputs[0])


@dataclass(frozen=True, eq=False)
class PolynomialStage(Stage):
    """``sum_k coefficients[..., k] x^k``, elementwise.

    `coefficients` are ``(degree + 1,)``, shared by all elements, or ``(size, degree + 1)``.
    """

    coefficients: FloatArray

    @property
    def degree(self) -> int:
        """The highest power."""
        return int(self.coefficients.shape[-1]) - 1

    @property
    def levels(self) -> int:
        return polynomial_levels(self.coefficients)

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        result = np.zeros_like(inputs[0])
        for column in np.moveaxis(self.coefficients, -1, 0)[::-1]:
            result = result * inputs[0] + column
        return result

    def bounds(self, *inputs: Interval) -> Interval:
        return polynomial_bounds(self.coefficients, inputs[0])


@dataclass(frozen=True, eq=False)
class AddStage(Stage):
    """The sum of two stages."""

    @property
    def levels(self) -> int:
        return 0

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        result: FloatArray = inputs[0] + inputs[1]
        return result

    def bounds(self, *inputs: Interval) -> Interval:
        (low, high), (other_low, other_high) = inputs
        return low + other_low, high + other_high


def polynomial_levels(coefficients: FloatArray) -> int:
    """Levels that a polynomial ``(degree + 1,)`` or ``(size, degree + 1)`` takes.

    As `he.ckks.circuits.polynomial.depth` says for the degree; one level less where the leading
    power of two has the same integer coefficient for all elements (``+-x^2 + b x + c`` takes one).
    """
    return Polynomial(shared_columns(coefficients)).depth


def shared_columns(coefficients: FloatArray) -> list[FloatArray | float]:
    """The coefficient of each power: one number if all elements share it, else ``(size,)``."""
    columns = np.moveaxis(coefficients, -1, 0)
    return [float(c.flat[0]) if np.ptp(c) == 0 else c for c in columns]


def polynomial_bounds(coefficients: FloatArray, interval: Interval) -> Interval:
    """The range of a polynomial over an interval.

    The range is exact up to degree 2. Beyond degree 2 it is a bound, by Horner's rule on intervals.
    """
    low, high = interval
    columns = list(np.moveaxis(coefficients, -1, 0))
    if len(columns) == 3:
        constant, linear, square = columns
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = np.nan_to_num(-linear / (2 * square), nan=0.0, posinf=0.0, neginf=0.0)
        points = np.stack([low, high, np.clip(vertex, low, high)])
        values = (square * points + linear) * points + constant
        return values.min(axis=0), values.max(axis=0)
    least, greatest = np.zeros_like(low), np.zeros_like(high)
    for column in columns[::-1]:
        products = np.stack([least * low, least * high, greatest * low, greatest * high])
        least, greatest = products.min(axis=0) + column, products.max(axis=0) + column
    return least, greatest
