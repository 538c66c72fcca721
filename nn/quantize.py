"""Post-training quantisation: a network in integers, exactly as it is computed encrypted.

The network's stages (`nn.stages`) must be affine maps and squares in a chain. With integer steps

    x = round(input_scale * pixel),   y = W x + b,   y = x^2

every affine map is rounded to ``W = round(s w)`` where s brings its largest weight to
``2^(weight_bits - 1) - 1``, and ``b = round(S s bias)`` with S the scale of its input; a square
squares the scale. Nothing is rounded between the steps, so that the integers leave the last one at
the product of all scales, and the order of the outputs is that of the quantised network's logits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from nn.errors import ShapeError, UnsupportedLayerError
from nn.graph import INPUT, Network
from nn.layers import FloatArray, Shape
from nn.stage import AffineStage, SquareStage
from nn.stages import stages

# Moduli of the exact evaluation in the clear: products of two residues fit int64.
_PRIMES = (2147483629, 2147483587, 2147483579, 2147483563, 2147483549)


@dataclass(frozen=True, eq=False)
class IntegerAffine:
    """``matrix @ x + bias``: matrix int64 CSR (out, in), bias as Python integers."""

    matrix: sparse.csr_array
    bias: tuple[int, ...]

    @property
    def gain(self) -> int:
        """The largest sum of absolute weights of one output."""
        return int(abs(self.matrix).sum(axis=1).max())

    def bounds(self, low: list[int], high: list[int]) -> tuple[list[int], list[int]]:
        """Least and greatest outputs for inputs in [low, high], exactly."""
        least, greatest = list(self.bias), list(self.bias)
        matrix = self.matrix
        for row in range(matrix.shape[0]):
            entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
            columns, weights = matrix.indices[entries].tolist(), matrix.data[entries].tolist()
            for column, weight in zip(columns, weights, strict=True):
                ends = weight * low[column], weight * high[column]
                least[row] += min(ends)
                greatest[row] += max(ends)
        return least, greatest


@dataclass(frozen=True)
class IntegerSquare:
    """``x * x``."""


Step = IntegerAffine | IntegerSquare


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A chain of integer steps. Its value is ``output_scale`` times the real network's, nearly.

    input_shape: of an image; pixels times input_scale, rounded, lie in [input_low, input_high].
    """

    steps: tuple[Step, ...]
    input_shape: Shape
    input_scale: float
    input_low: int
    input_high: int
    output_scale: float
    max_abs: int = field(init=False)

    def __post_init__(self) -> None:
        size = math.prod(self.input_shape)
        low, high = [self.input_low] * size, [self.input_high] * size
        largest = 0
        for step in self.steps:
            if isinstance(step, IntegerAffine):
                low, high = step.bounds(low, high)
            else:
                squares = [(a * a, b * b) for a, b in zip(low, high, strict=True)]
                low = [0 if a <= 0 <= b else min(s) for a, b, s in
                       zip(low, high, squares, strict=True)]
                high = [max(s) for s in squares]
            largest = max(abs(v) for v in (*low, *high))
        # Values in between may wrap modulo t: only what leaves the last step must not.
        object.__setattr__(self, "max_abs", largest)

    @property
    def depth(self) -> int:
        """Number of squares."""
        return sum(isinstance(step, IntegerSquare) for step in self.steps)

    def round_input(self, images: ArrayLike) -> NDArray[np.int64]:
        """Images (B, ..) as the integers (B, size) that are encrypted; clipped to the range."""
        batch = np.asarray(images, dtype=np.float64)
        if batch.ndim < 2 or math.prod(batch.shape[1:]) != math.prod(self.input_shape):
            raise ShapeError(
                f"images of shape {batch.shape}: (B, {', '.join(map(str, self.input_shape))}) "
                f"is needed"
            )
        rounded = np.rint(batch.reshape(len(batch), -1) * self.input_scale).astype(np.int64)
        return np.clip(rounded, self.input_low, self.input_high)

    def residues(self, inputs: NDArray[np.int64], t: int) -> NDArray[np.int64]:
        """The outputs (B, out) modulo t < 2^31 for integer inputs (B, size)."""
        values = inputs.T % t
        for step in self.steps:
            if isinstance(step, IntegerAffine):
                bias = np.array([b % t for b in step.bias], dtype=np.int64)
                values = (step.matrix @ values + bias[:, None]) % t
            else:
                values = values * values % t
        return np.ascontiguousarray(values.T)

    def integers(self, images: ArrayLike) -> NDArray[np.object_]:
        """The exact outputs (B, out) as Python integers, without encryption."""
        inputs, count = self.round_input(images), 1
        while math.prod(_PRIMES[:count]) <= 2 * self.max_abs:
            count += 1
        primes = _PRIMES[:count]
        return recombine([self.residues(inputs, p) for p in primes], primes)

    def __call__(self, images: ArrayLike) -> FloatArray:
        """The quantised network's outputs at the scale of the real ones, (B, out) float64."""
        scaled: FloatArray = (self.integers(images) / self.output_scale).astype(np.float64)
        return scaled


def recombine(residues: list[NDArray[np.int64]], moduli: tuple[int, ...]) -> NDArray[np.object_]:
    """The integers in [-M/2, M/2), M the product of `moduli`, that have these residues."""
    M = math.prod(moduli)
    total = np.zeros_like(residues[0], dtype=object)
    for values, t in zip(residues, moduli, strict=True):
        total = total + values.astype(object) * (M // t * pow(M // t, -1, t))
    result: NDArray[np.object_] = (total + M // 2) % M - M // 2
    return result


def quantize(
    network: Network, *, input_bits: int = 4, weight_bits: int = 6
) -> QuantizedNetwork:
    """The network in integers.

    input_bits: pixels become integers of so many bits; weight_bits: weights, with their sign.
    Raises `UnsupportedLayerError` for anything but a chain of linear layers and polynomials of
    degree 2 that become plain squares.
    """
    low, high = network.input_range
    scale = input_scale = ((1 << input_bits) - 1) / max(abs(low), abs(high))
    steps: list[Step] = []
    previous = INPUT
    for stage in stages(network):
        if stage.inputs != (previous,) or not isinstance(stage, AffineStage | SquareStage):
            raise UnsupportedLayerError(
                f"stage {stage.name!r} ({type(stage).__name__}) has no exact integer form: linear "
                f"layers and squares in a chain are needed"
            )
        previous = stage.name
        if isinstance(stage, SquareStage):
            steps.append(IntegerSquare())
            scale *= scale
            continue
        matrix = stage.affine.matrix
        factor = ((1 << (weight_bits - 1)) - 1) / float(abs(matrix).max())
        rounded = sparse.csr_array(matrix * factor)
        rounded.data = np.rint(rounded.data)
        rounded = sparse.csr_array(rounded.astype(np.int64))
        rounded.eliminate_zeros()
        rounded.sort_indices()
        scale *= factor
        steps.append(IntegerAffine(rounded, tuple(round(float(b) * scale) for b in
                                                  stage.affine.bias)))
    return QuantizedNetwork(
        tuple(steps),
        network.input_shape,
        input_scale,
        round(low * input_scale),
        round(high * input_scale),
        scale,
    )
