"""Linear layers without a form of their own: any matrix with few entries, and reshaping."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he.errors import HEError
from he.validation import items_of, whole_number
from nn.errors import LayerParameterError, ShapeError
from nn.network.layers import (
    FloatArray,
    Layer,
    Shape,
    check_single_input,
    freeze_array,
)
from ntt.lazy import LazyModule

if TYPE_CHECKING:
    from scipy import sparse
else:
    sparse = LazyModule("scipy.sparse")  # whose import takes longer than an encrypted image

MOST_AXES = 8


def check_lengths(given: object, what: str) -> Shape:
    """The shape with these lengths; raises `LayerParameterError` for any but one to eight."""
    try:
        shape = tuple(whole_number(x, "a length", 1) for x in items_of(given, what))
    except HEError as error:
        raise LayerParameterError(f"{what} is {given!r}: {error}") from error
    if not 1 <= len(shape) <= MOST_AXES:
        raise LayerParameterError(f"{what} is {shape}; one to {MOST_AXES} lengths are needed")
    return shape


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """The same elements in row-major order under another shape (without the batch axis)."""

    shape: Shape

    def __post_init__(self) -> None:
        self._set(shape=check_lengths(self.shape, "Reshape shape"))

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if math.prod(shape) != math.prod(self.shape):
            raise ShapeError(f"Reshape to {self.shape} cannot take {shape}: the sizes differ")
        return self.shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        shape = self._check_inputs(inputs)
        return inputs[0].reshape(len(inputs[0]), *shape)


@dataclass(frozen=True, eq=False)
class LinearMap(Layer):
    """``out = matrix @ in + bias`` on row-major flattened tensors, for a matrix with few entries.

    ``matrix[rows[k], columns[k]] = values[k]``, all ``(entries,)``, and every other entry is 0. No
    place occurs twice. `bias` is ``(out_size,)``. Slices, permutations, padding, sums of parts,
    transposed convolutions and products with constants are such maps.

    Raises `LayerParameterError` unless all that fits together.
    """

    values: FloatArray
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    bias: FloatArray
    in_shape: Shape
    out_shape: Shape

    def __post_init__(self) -> None:
        in_shape = check_lengths(self.in_shape, "LinearMap in_shape")
        out_shape = check_lengths(self.out_shape, "LinearMap out_shape")
        sizes = math.prod(out_shape), math.prod(in_shape)
        values = freeze_array(self.values, "LinearMap values", (1,))
        bias = freeze_array(self.bias, "LinearMap bias", (1,))
        rows = _indices(self.rows, "LinearMap rows", len(values), sizes[0])
        columns = _indices(self.columns, "LinearMap columns", len(values), sizes[1])
        if bias.shape != sizes[:1]:
            raise LayerParameterError(f"LinearMap bias has shape {bias.shape}; {sizes[:1]} needed")
        places = np.sort(rows * sizes[1] + columns)
        if (places[1:] == places[:-1]).any():
            raise LayerParameterError("LinearMap has two entries in one place; add them up")
        self._set(values=values, rows=rows, columns=columns, bias=bias)
        self._set(in_shape=in_shape, out_shape=out_shape)

    @classmethod
    def from_entries(
        cls,
        values: ArrayLike,
        rows: ArrayLike,
        columns: ArrayLike,
        bias: ArrayLike,
        in_shape: Iterable[int],
        out_shape: Iterable[int],
    ) -> LinearMap:
        """The map with these entries: those in one place are added up, and zeros are left out."""
        in_shape, out_shape = tuple(in_shape), tuple(out_shape)
        shape = math.prod(out_shape), math.prod(in_shape)
        entries = (np.asarray(values, np.float64), (np.asarray(rows), np.asarray(columns)))
        matrix = sparse.coo_array(entries, shape=shape).tocsr().tocoo()
        kept = np.flatnonzero(matrix.data)
        if not kept.size:  # arrays of a layer are not empty
            first = np.zeros(1, dtype=np.int64)
            return cls(np.zeros(1), first, first, np.asarray(bias), in_shape, out_shape)
        places = matrix.row[kept], matrix.col[kept]
        return cls(matrix.data[kept], *places, np.asarray(bias), in_shape, out_shape)

    @property
    def longest_row(self) -> int:
        """The most entries in one row."""
        return int(np.bincount(self.rows).max())

    @property
    def parameter_count(self) -> int:
        """Entries of the matrix other than 1, and biases other than 0."""
        return int(np.count_nonzero(self.values != 1) + np.count_nonzero(self.bias))

    def matrix(self, power: int = 1) -> sparse.csr_array:
        """The matrix, each entry to this power."""
        shape = math.prod(self.out_shape), math.prod(self.in_shape)
        return sparse.csr_array((self.values**power, (self.rows, self.columns)), shape=shape)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if shape != self.in_shape:
            raise ShapeError(f"LinearMap needs an input {self.in_shape}, got {shape}")
        return self.out_shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        flat = inputs[0].reshape(len(inputs[0]), -1)
        result: FloatArray = np.ascontiguousarray((self.matrix() @ flat.T).T) + self.bias
        return result.reshape(len(flat), *self.out_shape)


def _indices(given: Any, what: str, count: int, end: int) -> NDArray[np.int64]:
    """`given` as so many whole numbers from 0 to below `end`, read-only."""
    raw = np.asarray(given)
    if raw.shape != (count,) or raw.dtype.kind not in "fiu":
        raise LayerParameterError(f"{what} has shape {raw.shape}; {count} numbers are needed")
    if not ((raw >= 0) & (raw < end) & (raw == np.floor(raw))).all():
        raise LayerParameterError(f"{what} must be whole numbers from 0 to {end - 1}")
    array: NDArray[np.int64] = np.array(raw, dtype=np.int64)
    array.setflags(write=False)
    return array
