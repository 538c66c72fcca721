"""Polynomial activations: the only non-linear functions that CKKS evaluates directly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebder

from he.validation import whole_number
from nn.errors import LayerParameterError, ShapeError
from nn.network.layers import (
    FloatArray,
    Layer,
    Shape,
    check_channels,
    check_single_input,
    freeze_array,
    per_channel,
)

_CHUNK = 1 << 15  # values at a time: what stays in a cache


@dataclass(frozen=True, eq=False)
class Polynomial(Layer):
    """``out = sum_k coefficients[..., k] in^k``, elementwise.

    ``coefficients`` is ``(degree + 1,)``, shared by all channels, or ``(C, degree + 1)``, one row
    for each channel (axis 1 of the batch). Powers ascend. At least one leading coefficient is
    nonzero, so that `degree` is the true degree.
    """

    coefficients: FloatArray

    def __post_init__(self) -> None:
        coefficients = freeze_array(self.coefficients, "Polynomial coefficients", (1, 2))
        if coefficients.shape[-1] > 1 and not coefficients[..., -1].any():
            raise LayerParameterError(
                f"Polynomial of degree {coefficients.shape[-1] - 1} has the leading coefficient 0; "
                "drop the last column"
            )
        self._set(coefficients=coefficients)

    @classmethod
    def square(cls) -> Polynomial:
        """``x^2``."""
        return cls(np.array([0.0, 0.0, 1.0]))

    @property
    def degree(self) -> int:
        """The highest power."""
        return int(self.coefficients.shape[-1]) - 1

    @property
    def per_channel(self) -> bool:
        """Whether each channel has its own polynomial."""
        return self.coefficients.ndim == 2

    def coefficients_for(self, channels: int) -> FloatArray:
        """The coefficients as ``(channels, degree + 1)``, whether shared or not.

        Raises `ShapeError` if the polynomial has coefficients for another number of channels, and
        `he.ParameterError` for what is no number of channels.
        """
        channels = whole_number(channels, "channels", 1, 1 << 32)
        if self.per_channel and self.coefficients.shape[0] != channels:
            raise ShapeError(
                f"Polynomial holds coefficients for {self.coefficients.shape[0]} channels, "
                f"asked for {channels}"
            )
        return np.broadcast_to(self.coefficients, (channels, self.degree + 1))

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if self.per_channel:
            check_channels(self, shape, self.coefficients.shape[0])
        return shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        values = inputs[0]
        columns = np.atleast_2d(self.coefficients).T
        result = np.zeros_like(values)
        for column in columns[::-1]:
            result = result * values + per_channel(column, values.ndim)
        return result


@dataclass(frozen=True, eq=False)
class Chebyshev(Layer):
    """``out = sum_k coefficients[..., k] T_k(in)``, elementwise, for inputs within [-1, 1].

    T_k is the Chebyshev polynomial ``T_k(cos t) = cos(k t)``. ``coefficients`` is ``(degree +
    1,)``, shared by all channels, or ``(C, degree + 1)``, as those of `Polynomial`. A high degree
    keeps its precision in this basis. Outside of [-1, 1] the value grows like ``(2 |in|)^degree``.
    """

    coefficients: FloatArray

    def __post_init__(self) -> None:
        coefficients = freeze_array(self.coefficients, "Chebyshev coefficients", (1, 2))
        if coefficients.shape[-1] < 3 or not coefficients[..., -1].any():
            raise LayerParameterError(
                f"Chebyshev of degree {coefficients.shape[-1] - 1}: a degree of 2 or more with a "
                "leading coefficient that is not 0 is needed; Polynomial has the others"
            )
        self._set(coefficients=coefficients)

    @property
    def degree(self) -> int:
        """The highest index."""
        return int(self.coefficients.shape[-1]) - 1

    @property
    def per_channel(self) -> bool:
        """Whether each channel has its own polynomial."""
        return self.coefficients.ndim == 2

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = check_single_input(self, input_shapes)
        if self.per_channel:
            check_channels(self, shape, self.coefficients.shape[0])
        return shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        self._check_inputs(inputs)
        return chebyshev_sum(self.coefficients, inputs[0])

    def slope(self, values: FloatArray) -> FloatArray:
        """The derivative at these values."""
        return chebyshev_sum(np.asarray(chebder(self.coefficients, axis=-1)), values)


def chebyshev_sum(coefficients: FloatArray, values: FloatArray) -> FloatArray:
    """``sum_k coefficients[..., k] T_k(values)`` by Clenshaw's recurrence, along axis 1."""
    columns = [per_channel(column, values.ndim) for column in np.atleast_2d(coefficients).T]
    result = np.empty_like(values)
    step = max(1, _CHUNK // max(1, values[:1].size))
    for start in range(0, len(values), step):
        x = values[start : start + step]
        ahead, further, next_one = np.zeros_like(x), np.zeros_like(x), np.empty_like(x)
        twice = 2 * x
        for column in columns[:0:-1]:
            np.multiply(twice, ahead, out=next_one)
            next_one -= further
            next_one += column
            ahead, further, next_one = next_one, ahead, further
        result[start : start + step] = x * ahead - further + columns[0]
    return result
