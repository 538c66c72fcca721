"""Checks of the images that a caller gives: their shape and their pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nn.errors import InputRangeError, ShapeError
from nn.network.layers import FloatArray, Shape


def flatten_images(images: ArrayLike, shape: Shape) -> FloatArray:
    """Images (B, *shape) or (B, size), B > 0, as (B, size); raises `ShapeError` for others."""
    batch = np.asarray(images, dtype=np.float64)
    if batch.ndim < 2 or math.prod(batch.shape[1:]) != math.prod(shape) or not len(batch):
        raise ShapeError(
            f"images of shape {batch.shape}: (B, {', '.join(map(str, shape))}) is needed"
        )
    return batch.reshape(len(batch), -1)


def check_pixels(batch: FloatArray, input_range: tuple[float, float]) -> None:
    """Raise `InputRangeError` for NaN, infinities and pixels outside the range."""
    low, high = input_range
    if not (batch.min() >= low and batch.max() <= high):  # False for NaN
        raise range_error(batch, low, high)


def range_error(batch: FloatArray, low: float, high: float) -> InputRangeError:
    """The error for a batch with pixels outside [low, high]."""
    return InputRangeError(
        f"pixels from {batch.min()} to {batch.max()}: finite pixels from {low:g} to {high:g} are "
        f"needed; scale the images, or compile a network with a wider input_range"
    )
