"""Linear layers as sparse affine maps over row-major flattened tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nn.errors import ShapeError, UnsupportedLayerError
from nn.memory import check_memory
from nn.network.activation import Polynomial
from nn.network.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
)
from nn.network.linear_map import LinearMap, Reshape
from nn.stages.sparse_matrix import SparseMatrix

_NEAR = 8
"""Pixels up to which an output's neighbourhood reaches."""

_ENTRY_BYTES = 80
"""What an entry of a convolution's matrix takes while the matrix is made."""


@dataclass(frozen=True, eq=False)
class Affine:
    """``out = matrix @ in + bias`` on row-major flattened tensors.

    `matrix` is ``(out_size, in_size)`` without stored zeros, `bias` is ``(out_size,)``, both
    float64. `stride` is set where the outputs form an image on the input's grid: output ``(c, y,
    x)`` depends on a neighbourhood of input ``(., stride_y y, stride_x x)``. Raises `ShapeError`
    unless the sizes agree.
    """

    matrix: SparseMatrix
    bias: FloatArray
    in_shape: Shape
    out_shape: Shape
    stride: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        needed = (_size(self.out_shape), _size(self.in_shape))
        if self.matrix.shape != needed or self.bias.shape != needed[:1]:
            raise ShapeError(
                f"an affine map {self.in_shape} -> {self.out_shape} needs a matrix {needed} and a "
                f"bias {needed[:1]}, got {self.matrix.shape} and {self.bias.shape}"
            )

    @property
    def in_size(self) -> int:
        """Elements of the input."""
        return _size(self.in_shape)

    @property
    def out_size(self) -> int:
        """Elements of the output."""
        return _size(self.out_shape)

    @property
    def nonzeros(self) -> int:
        """Entries of the matrix."""
        return int(self.matrix.nnz)

    def __call__(self, values: FloatArray) -> FloatArray:
        """The map on flattened batches, ``(B, in_size) -> (B, out_size)``."""
        result: FloatArray = (self.matrix @ values.T).T + self.bias
        return result

    def then(self, after: Affine) -> Affine:
        """``after(self(x))`` as one map; raises `ShapeError` unless the sizes agree."""
        if after.in_size != self.out_size:
            raise ShapeError(
                f"an affine map from {after.in_shape} cannot follow a map to {self.out_shape}: it "
                f"takes {after.in_size} elements, not {self.out_size}"
            )
        stride = None
        if self.stride and after.stride:
            stride = (self.stride[0] * after.stride[0], self.stride[1] * after.stride[1])
        return Affine(
            after.matrix @ self.matrix,
            after.matrix @ self.bias + after.bias,
            self.in_shape,
            after.out_shape,
            stride,
        )

    def scale_outputs(self, scale: FloatArray, shift: FloatArray) -> Affine:
        """``scale * self(x) + shift``, both ``(out_size,)``."""
        matrix = self.matrix.scaled(rows=scale)
        return replace(self, matrix=matrix, bias=self.bias * scale + shift)

    def scale_inputs(self, scale: FloatArray, shift: FloatArray) -> Affine:
        """``self(scale * x + shift)``, both ``(in_size,)``."""
        matrix = self.matrix.scaled(columns=scale)
        return replace(self, matrix=matrix, bias=self.bias + self.matrix @ shift)

    def bounds(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The least and greatest output for inputs in ``[low, high]``, elementwise."""
        positive, negative = self.matrix.maximum(0), self.matrix.minimum(0)
        return (
            positive @ low + negative @ high + self.bias,
            positive @ high + negative @ low + self.bias,
        )


def identity(shape: Shape) -> Affine:
    """The map ``out = in`` for tensors of this shape."""
    size = _size(shape)
    diagonal = np.arange(size)
    matrix = SparseMatrix.from_coordinates(np.ones(size), diagonal, diagonal, (size, size))
    return Affine(matrix, np.zeros(size), shape, shape, (1, 1) if len(shape) == 3 else None)


def is_affine(layer: Layer) -> bool:
    """Whether `affine_from_layer` knows the layer as an affine map."""
    if isinstance(layer, Polynomial):
        return layer.degree <= 1
    return isinstance(layer, (Conv2d, Linear, LinearMap, AvgPool2d, Flatten, Reshape, BatchNorm))


def affine_from_layer(layer: Layer, in_shape: Shape) -> Affine:
    """The layer on inputs of `in_shape` (without the batch axis) as an affine map.

    Raises `UnsupportedLayerError` for an activation of degree 2 or more, and for Add.
    """
    out_shape = layer.output_shape(in_shape)
    if isinstance(layer, Conv2d):
        return _from_convolution(layer, in_shape)
    if isinstance(layer, AvgPool2d):
        channels, (height, width) = in_shape[0], layer.kernel
        weight = np.full((channels, 1, height, width), 1.0 / (height * width))
        convolution = Conv2d(
            weight, np.zeros(channels), layer.stride, layer.padding, groups=channels
        )
        return _from_convolution(convolution, in_shape)
    if isinstance(layer, Linear):
        return Affine(SparseMatrix.from_dense(layer.weight), layer.bias, in_shape, out_shape)
    if isinstance(layer, LinearMap):
        size = (_size(out_shape), _size(in_shape))
        matrix = SparseMatrix.from_coordinates(layer.values, layer.rows, layer.columns, size)
        return Affine(matrix, layer.bias, in_shape, out_shape, _stride(layer))
    if isinstance(layer, (Flatten, Reshape)):
        return replace(identity(in_shape), out_shape=out_shape, stride=None)
    if isinstance(layer, BatchNorm):
        scale, shift = layer.scale, layer.shift
    elif isinstance(layer, Polynomial) and layer.degree <= 1:
        coefficients = layer.coefficients_for(in_shape[0])
        shift, scale = coefficients[:, 0], coefficients[:, 1:].sum(axis=1)
    else:
        raise UnsupportedLayerError(
            f"{type(layer).__name__} is no affine map; Conv2d, Linear, LinearMap, AvgPool2d, "
            "Flatten, Reshape, BatchNorm and Polynomial of degree <= 1 are"
        )
    repeats = _size(in_shape) // in_shape[0]
    return identity(in_shape).scale_outputs(scale.repeat(repeats), shift.repeat(repeats))


def _stride(layer: LinearMap) -> tuple[int, int] | None:
    """The stride of a map whose output pixels depend on pixels near their own; else None."""
    if len(layer.in_shape) != 3 or len(layer.out_shape) != 3:
        return None
    sizes = zip(layer.in_shape[1:], layer.out_shape[1:], strict=True)
    stride_y, stride_x = (max(1, round(before / after)) for before, after in sizes)
    y, x = np.divmod(layer.columns % _size(layer.in_shape[1:]), layer.in_shape[2])
    out_y, out_x = np.divmod(layer.rows % _size(layer.out_shape[1:]), layer.out_shape[2])
    near = max(np.abs(y - stride_y * out_y).max(), np.abs(x - stride_x * out_x).max()) <= _NEAR
    return (stride_y, stride_x) if near else None


def _from_convolution(layer: Conv2d, in_shape: Shape) -> Affine:
    out_shape = layer.output_shape(in_shape)
    out_channels, height, width = out_shape
    out_pixels, in_pixels, taps = _window_entries(layer, in_shape, (height, width))
    group_channels = layer.weight.shape[1]
    groups = np.arange(out_channels) // (out_channels // layer.groups)
    channels = groups[:, None] * group_channels + np.arange(group_channels)
    check_memory(
        _ENTRY_BYTES * out_channels * group_channels * len(taps),
        f"the weights of a convolution {in_shape} -> {out_shape}, pixel by pixel,",
        "use fewer channels, smaller images, a larger stride or more groups",
    )
    # Entries (O, I, E): output channel, input channel of its group, pixel and tap of the window.
    values = layer.weight.reshape(out_channels, group_channels, -1)[:, :, taps]
    rows = np.arange(out_channels)[:, None, None] * (height * width) + out_pixels
    columns = channels[:, :, None] * (in_shape[1] * in_shape[2]) + in_pixels
    shape = (_size(out_shape), _size(in_shape))
    matrix = SparseMatrix.from_coordinates(
        values.ravel(), np.broadcast_to(rows, values.shape).ravel(), columns.ravel(), shape
    )
    bias = layer.bias.repeat(height * width)
    return Affine(matrix, bias, in_shape, out_shape, layer.stride)


def _window_entries(
    layer: Conv2d, in_shape: Shape, counts: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output pixel, input pixel and kernel tap of every window entry that is not padding."""
    in_height, in_width = in_shape[1:]
    (kernel_y, kernel_x), (step_y, step_x) = layer.kernel, layer.stride
    y = np.arange(counts[0])[:, None] * step_y + np.arange(kernel_y) - layer.padding[0]
    x = np.arange(counts[1])[:, None] * step_x + np.arange(kernel_x) - layer.padding[1]
    # Axes: window row, window column, kernel row, kernel column.
    in_pixels = y[:, None, :, None] * in_width + x[None, :, None, :]
    valid_y, valid_x = (y >= 0) & (y < in_height), (x >= 0) & (x < in_width)
    valid = valid_y[:, None, :, None] & valid_x[None, :, None, :]
    window_y, window_x, tap_y, tap_x = np.nonzero(valid)
    return window_y * counts[1] + window_x, in_pixels[valid], tap_y * kernel_x + tap_x


def _size(shape: Shape) -> int:
    return int(np.prod(shape))
