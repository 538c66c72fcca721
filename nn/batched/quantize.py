"""Post-training quantisation: a network in integers, exactly as it is computed encrypted.

The network's stages (`nn.stages.rewriting`) must be affine maps and squares in a chain. With
integer steps

    x = round(input_scale * pixel),   y = W x + b,   y = x^2

every affine map is rounded to ``W = round(s w)`` where s brings its largest weight to
``2^(weight_bits - 1) - 1``, and ``b = round(S s bias)`` with S the scale of its input; a square
squares the scale. Nothing is rounded between the steps, so that the integers leave the last one at
the product of all scales, and the order of the outputs is that of the quantised network's logits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from nn.errors import NetworkError, UnsupportedLayerError
from nn.network.graph import INPUT, Network
from nn.network.images import flatten_images, range_error
from nn.network.layers import FloatArray, Shape
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage, SquareStage

_MOST_BITS = 16


@dataclass(frozen=True, eq=False)
class IntegerAffine:
    """``matrix @ x + bias``: matrix int64 CSR (out, in), bias as Python integers."""

    matrix: sparse.csr_array
    bias: tuple[int, ...]

    @property
    def gain(self) -> float:
        """The largest sum of absolute weights of one output: what common noise grows by."""
        return float(abs(self.matrix).sum(axis=1).max())

    @property
    def independent_gain(self) -> float:
        """The root of the largest sum of squared weights: what independent noise grows by."""
        return math.sqrt(float(self.matrix.power(2).sum(axis=1).max()))

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
class Square:
    """``x * x``."""


Step = IntegerAffine | Square


class QuantizationError(NetworkError):
    """The number of bits asked for quantises nothing, or too much."""


@dataclass(frozen=True)
class InputRounding:
    """Pixels times scale, rounded, are the integers to encrypt: from low to high."""

    shape: Shape
    scale: float
    low: int
    high: int

    @property
    def size(self) -> int:
        """Elements of an image."""
        return math.prod(self.shape)

    def __call__(self, images: ArrayLike) -> NDArray[np.int64]:
        """Images (B, *shape) or (B, size) as integers (B, size).

        Raises `ShapeError` for another shape, `InputRangeError` for pixels outside the range.
        """
        batch = flatten_images(images, self.shape)
        rounded = np.rint(batch * self.scale)
        inside = (self.low <= rounded) & (rounded <= self.high)  # False for NaN
        if not inside.all():
            raise range_error(batch, self.low / self.scale, self.high / self.scale)
        return rounded.astype(np.int64)


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A chain of integer steps. Its value is ``output_scale`` times the real network's, nearly.

    input_bits, weight_bits: what `quantize` was told, 0 where it was not asked. max_abs: no output
    is larger, whatever the image.
    """

    steps: tuple[Step, ...]
    inputs: InputRounding
    output_scale: float
    input_bits: int = 0
    weight_bits: int = 0
    max_abs: int = field(init=False)

    def __post_init__(self) -> None:
        size = self.inputs.size
        low, high = [self.inputs.low] * size, [self.inputs.high] * size
        for step in self.steps:
            if isinstance(step, IntegerAffine):
                low, high = step.bounds(low, high)
            else:
                squares = [(a * a, b * b) for a, b in zip(low, high, strict=True)]
                low = [0 if a <= 0 <= b else min(s) for a, b, s in
                       zip(low, high, squares, strict=True)]
                high = [max(s) for s in squares]
        # Values in between may wrap modulo t: only what leaves the last step must not.
        object.__setattr__(self, "max_abs", max(abs(v) for v in (*low, *high)))

    @property
    def depth(self) -> int:
        """Number of squares."""
        return sum(isinstance(step, Square) for step in self.steps)

    def residues(self, inputs: NDArray[np.int64], t: int) -> NDArray[np.int64]:
        """The outputs (B, out) modulo t < 2^31 for integer inputs (B, size), gains below 2^32."""
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
        inputs = self.inputs(images)
        moduli = _coprime_beyond(2 * self.max_abs)
        return recombine([self.residues(inputs, t) for t in moduli], moduli)

    def __call__(self, images: ArrayLike) -> FloatArray:
        """The quantised network's outputs at the scale of the real ones, (B, out) float64."""
        scaled: FloatArray = (self.integers(images) / self.output_scale).astype(np.float64)
        return scaled


def _coprime_beyond(bound: int) -> tuple[int, ...]:
    """The largest coprime numbers below 2^31 whose product is above `bound`.

    Sums of products of two residues of each are exact in int64 after a reduction of either.
    """
    found: list[int] = []
    candidate = (1 << 31) - 1
    while math.prod(found) <= bound:
        if math.gcd(candidate, math.prod(found)) == 1:
            found.append(candidate)
        candidate -= 2
    return tuple(found)


def recombine(residues: list[NDArray[np.int64]], moduli: tuple[int, ...]) -> NDArray[np.object_]:
    """The integers in [-M/2, M/2), M the product of `moduli`, that have these residues."""
    M = math.prod(moduli)
    total = np.zeros_like(residues[0], dtype=object)
    for values, t in zip(residues, moduli, strict=True):
        total = total + values.astype(object) * (M // t * pow(M // t, -1, t))
    result: NDArray[np.object_] = (total + M // 2) % M - M // 2
    return result


def quantize(
    network: Network, *, input_bits: int = 3, weight_bits: int = 5
) -> QuantizedNetwork:
    """The network in integers.

    input_bits: pixels become integers of so many bits, 1 to 16; weight_bits: weights, with their
    sign, 2 to 16. Raises `QuantizationError` for others, `UnsupportedLayerError` for anything but a
    chain of linear layers and polynomials of degree 2 that become plain squares.
    """
    _check_bits("input_bits", input_bits, 1)
    _check_bits("weight_bits", weight_bits, 2)
    low, high = network.input_range
    scale = input_scale = ((1 << input_bits) - 1) / max(abs(low), abs(high))
    steps: list[Step] = []
    for stage in chain_of_squares(network):
        if isinstance(stage, SquareStage):
            steps.append(Square())
            scale *= scale
            continue
        matrix = sparse.csr_array(stage.affine.matrix)
        largest = float(abs(matrix).max())
        factor = ((1 << (weight_bits - 1)) - 1) / largest if largest else 1.0
        # Zeros stay in, so that the outputs of one place still read the same inputs.
        rounded = sparse.csr_array(
            (np.rint(matrix.data * factor).astype(np.int64), matrix.indices, matrix.indptr),
            shape=matrix.shape,
        )
        rounded.sort_indices()
        scale *= factor
        bias = tuple(round(float(b) * scale) for b in stage.affine.bias)
        steps.append(IntegerAffine(rounded, bias))
    rounding = InputRounding(
        network.input_shape, input_scale, round(low * input_scale), round(high * input_scale)
    )
    return QuantizedNetwork(tuple(steps), rounding, scale, input_bits, weight_bits)


def chain_of_squares(network: Network) -> Iterator[AffineStage | SquareStage]:
    """The network's stages, if they are affine maps and squares one after the other.

    Raises `UnsupportedLayerError` otherwise.
    """
    previous = INPUT
    for stage in rewrite(network):
        if stage.inputs != (previous,) or not isinstance(stage, AffineStage | SquareStage):
            raise UnsupportedLayerError(
                f"stage {stage.name!r} ({type(stage).__name__}) has no batched form: linear "
                f"layers and squares in a chain are needed; compile it with scheme='ckks' and "
                f"layout='packed'"
            )
        previous = stage.name
        yield stage


def _check_bits(name: str, bits: int, least: int) -> None:
    if not (isinstance(bits, int) and least <= bits <= _MOST_BITS):
        raise QuantizationError(
            f"{name} = {bits!r}: a whole number from {least} to {_MOST_BITS} is needed"
        )
