"""Post-training quantisation: a network in integers, exactly as it is computed encrypted.

The network's stages (`nn.stages.rewriting`) must be affine maps and squares in a chain. With
integer steps

    x = round(input_scale * pixel),   y = W x + b,   y = x^2

every affine map is rounded to ``W = round(s w)``, where s brings its largest weight to
``2^(weight_bits - 1) - 1``, and ``b = round(S s bias)``, where S is the scale of its input. A
square squares the scale. Nothing is rounded between the steps. So the integers leave the last step
at the product of all scales, and their order is the order of the quantised network's logits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he.validation import instance, shown
from nn.errors import NetworkError, UnsupportedLayerError
from nn.inference.options import as_python_integer
from nn.network.graph import INPUT, Network
from nn.network.images import as_batch, range_error
from nn.network.layers import FloatArray, Shape
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage, SquareStage
from ntt.lazy import LazyModule

if TYPE_CHECKING:
    from scipy import sparse
else:
    sparse = LazyModule("scipy.sparse")  # whose import takes longer than an encrypted image

_MOST_BITS = 16


@dataclass(frozen=True, eq=False)
class IntegerAffine:
    """``matrix @ x + bias``: matrix int64 CSR (out, in), bias as Python integers."""

    matrix: sparse.csr_array
    bias: tuple[int, ...]

    @property
    def gain(self) -> float:
        """The largest sum of absolute weights of one output: the growth of dependent noise."""
        return float(abs(self.matrix).sum(axis=1).max())

    @property
    def independent_gain(self) -> float:
        """The root of the largest sum of squared weights: the growth of independent noise."""
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
    """The number of bits asked for is too small or too large."""


@dataclass(frozen=True)
class InputRounding:
    """From pixels to the integers to encrypt: ``round(scale pixel)``, from `low` to `high`."""

    shape: Shape
    scale: float
    low: int
    high: int

    @property
    def size(self) -> int:
        """Elements of an image."""
        return math.prod(self.shape)

    def __call__(self, images: ArrayLike) -> NDArray[np.int64]:
        """Images (B, *shape) as integers (B, size).

        Raises `ShapeError` for another shape, `InputRangeError` for anything but real numbers and
        for pixels outside the range.
        """
        batch = as_batch(images, self.shape, "the network of integers")
        batch = batch.reshape(len(batch), -1)
        rounded = np.rint(batch * self.scale)
        inside = (self.low <= rounded) & (rounded <= self.high)  # False for NaN
        if not inside.all():
            raise range_error(batch, self.low / self.scale, self.high / self.scale)
        return rounded.astype(np.int64)


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A chain of integer steps; its value is about ``output_scale`` times the real network's.

    input_bits, weight_bits: the arguments of `quantize`, or 0. max_abs: no output is larger in
    absolute value, whatever the image.
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
        # Values in between may wrap around modulo t; only the last step's values must not.
        object.__setattr__(self, "max_abs", max(abs(v) for v in (*low, *high)))

    @property
    def depth(self) -> int:
        """The number of squares."""
        return sum(isinstance(step, Square) for step in self.steps)

    def residues(self, inputs: NDArray[np.int64], t: int) -> NDArray[np.int64]:
        """The outputs (B, out) modulo t for integer inputs (B, size).

        t is below 2^31, and the `gain` of every affine map below 2^32.
        """
        values = inputs.T % t
        for step in self.steps:
            if isinstance(step, IntegerAffine):
                bias = np.array([b % t for b in step.bias], dtype=np.int64)
                values = (step.matrix @ values + bias[:, None]) % t
            else:
                values = values * values % t
        return np.ascontiguousarray(values.T)

    def integers(self, images: ArrayLike) -> NDArray[np.object_]:
        """The exact outputs (B, out) as Python integers, in the clear."""
        inputs = self.inputs(images)
        moduli = _coprime_beyond(2 * self.max_abs)
        return recombine([self.residues(inputs, t) for t in moduli], moduli)

    def __call__(self, images: ArrayLike) -> FloatArray:
        """The outputs at the scale of the real network's outputs, (B, out) float64."""
        scaled: FloatArray = (self.integers(images) / self.output_scale).astype(np.float64)
        return scaled


def _coprime_beyond(bound: int) -> tuple[int, ...]:
    """The largest coprime numbers below 2^31 whose product is above `bound`.

    Products of two residues modulo each of them are exact in int64.
    """
    found: list[int] = []
    candidate = (1 << 31) - 1
    while math.prod(found) <= bound:
        if math.gcd(candidate, math.prod(found)) == 1:
            found.append(candidate)
        candidate -= 2
    return tuple(found)


def recombine(residues: list[NDArray[np.int64]], moduli: tuple[int, ...]) -> NDArray[np.object_]:
    """The integers in [-M/2, M/2) with these residues, where M is the product of `moduli`."""
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

    input_bits: the bits of a pixel, 1 to 16. weight_bits: the bits of a weight, with its sign, 2 to
    16. Raises `QuantizationError` for other numbers of bits, and `UnsupportedLayerError` unless the
    network is a chain of linear layers and polynomials of degree 2 that become plain squares.
    """
    instance(network, Network, "network")
    input_bits, weight_bits = as_python_integer(input_bits), as_python_integer(weight_bits)
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
        matrix = stage.affine.matrix.csr
        largest = float(abs(matrix).max())
        factor = ((1 << (weight_bits - 1)) - 1) / largest if largest else 1.0
        # Weights that round to 0 stay stored: the outputs of one place must read the same inputs.
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
    """The network's stages; raises `UnsupportedLayerError` for any but affine maps and squares.

    Each stage must read the stage before it alone.
    """
    previous = INPUT
    for stage in rewrite(network):
        if stage.inputs != (previous,) or not isinstance(stage, AffineStage | SquareStage):
            raise UnsupportedLayerError(
                f"stage {stage.name!r} ({type(stage).__name__}) cannot be computed in the batched "
                f"layout: a chain of linear layers and squares is needed; compile the network with "
                f"scheme='ckks' and layout='packed'"
            )
        previous = stage.name
        yield stage


def _check_bits(name: str, bits: int, least: int) -> None:
    if not (type(bits) is int and least <= bits <= _MOST_BITS):
        raise QuantizationError(
            f"{name} = {shown(bits)}: a whole number from {least} to {_MOST_BITS} is needed"
        )
