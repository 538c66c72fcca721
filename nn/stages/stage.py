"""The stages of an encrypted network: affine maps, squares, polynomials, sums, bootstraps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.chebyshev import chebder
from numpy.polynomial.polynomial import polyder

from he.ckks.circuits.polynomial import Basis, Polynomial
from nn.network.layers import FloatArray, Shape
from nn.stages.affine import Affine
from nn.stages.ranges import Interval, chebyshev_bounds, polynomial_bounds


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
    """``sum_k coefficients[..., k] B_k(x)``, elementwise.

    `coefficients` are ``(degree + 1,)``, shared by all elements, or ``(size, degree + 1)``. B_k is
    ``x^k`` in the basis "power", and the Chebyshev polynomial T_k of [-1, 1] in "chebyshev".
    """

    coefficients: FloatArray
    basis: Basis = "power"

    @property
    def degree(self) -> int:
        """The highest power."""
        return int(self.coefficients.shape[-1]) - 1

    @property
    def polynomial(self) -> Polynomial:
        """The polynomial, with the elements in place of slots."""
        return Polynomial(shared_columns(self.coefficients), self.basis)

    def derivative(self, order: int) -> PolynomialStage:
        """The derivative of this order, on the same input."""
        differentiate = chebder if self.basis == "chebyshev" else polyder
        coefficients: FloatArray = np.asarray(
            differentiate(self.coefficients, order, axis=-1), dtype=np.float64
        )
        return replace(self, coefficients=coefficients)

    @property
    def levels(self) -> int:
        return self.polynomial.depth

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        result: FloatArray = self.polynomial(inputs[0])
        return result

    def bounds(self, *inputs: Interval) -> Interval:
        if self.basis == "chebyshev":
            return chebyshev_bounds(self.coefficients, inputs[0])
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


@dataclass(frozen=True, eq=False)
class ProductStage(Stage):
    """The product of two stages."""

    @property
    def levels(self) -> int:
        return 1

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        result: FloatArray = inputs[0] * inputs[1]
        return result

    def bounds(self, *inputs: Interval) -> Interval:
        (low, high), (other_low, other_high) = inputs
        ends = np.stack([low * other_low, low * other_high, high * other_low, high * other_high])
        return ends.min(axis=0), ends.max(axis=0)


@dataclass(frozen=True, eq=False)
class BootstrapStage(Stage):
    """The same value at a higher level; a planner puts it between two stages.

    start: the level at which it begins; values of higher levels are moved there. refreshed: the
    level of what it makes.
    """

    start: int
    refreshed: int

    @property
    def levels(self) -> int:
        """Below 0: the levels that are won."""
        return self.start - self.refreshed

    def evaluate(self, *inputs: FloatArray) -> FloatArray:
        return inputs[0]

    def bounds(self, *inputs: Interval) -> Interval:
        return inputs[0]


def shared_columns(coefficients: FloatArray) -> list[FloatArray | float]:
    """The coefficient of each power: one number if all elements share it, else ``(size,)``."""
    columns = np.moveaxis(coefficients, -1, 0)
    return [float(c.flat[0]) if np.ptp(c) == 0 else c for c in columns]
