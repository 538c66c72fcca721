"""Checks of the images that a caller gives: their type, their shape and their pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nn.errors import InputRangeError, ShapeError
from nn.network.layers import FloatArray, Shape


def as_batch(images: ArrayLike, shape: Shape, owner: str) -> FloatArray:
    """Images (B, *shape), B > 0, as float64 in row-major order.

    owner: who takes the images, in the words of the message.

    Raises `InputRangeError` for anything but real numbers: booleans, complex numbers, text, objects
    and masked pixels among them. Raises `ShapeError` for another shape; the message says so where
    the channels stand last, the images are flattened, or the batch axis is missing.
    """
    numbers = real_numbers(images)
    if numbers.ndim != len(shape) + 1 or numbers.shape[1:] != shape:
        needed = ", ".join(["B", *map(str, shape)])
        advice = _advice(numbers.shape, shape)
        raise ShapeError(f"{owner} takes a batch ({needed}), got {numbers.shape}: {advice}")
    if not len(numbers):
        raise ShapeError(f"{owner} got an empty batch {numbers.shape}: an image is needed")
    batch: FloatArray = np.ascontiguousarray(numbers, dtype=np.float64)
    return batch


def real_numbers(images: ArrayLike) -> NDArray[np.generic]:
    """Images as an array of real numbers; raises `InputRangeError` for anything else."""
    try:
        array = np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:
        # Lists of unlike lengths, and objects that refuse: tensors with gradients.
        raise InputRangeError(
            f"images of type {type(images).__name__} are no array ({error}): an array of real "
            f"numbers is needed"
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputRangeError(f"images have dtype {array.dtype}; real numbers are needed")
    if np.ma.is_masked(images):
        raise InputRangeError("images have masked pixels: fill them before, images.filled(0)")
    return array


def _advice(found: Shape, shape: Shape) -> str:
    """How images of the shape `found` become a batch of images of `shape`."""
    if found == shape:
        return "this is one image without the batch axis: pass image[None], an axis more is needed"
    if len(shape) == 3 and found[1:] == (*shape[1:], shape[0]):
        return "the channels stand last: np.moveaxis(images, -1, 1) is needed"
    if len(found) > 1 and math.prod(found[1:]) == math.prod(shape):
        lengths = ", ".join(map(str, shape))
        return f"images.reshape(-1, {lengths}) is needed, if the elements are in that order"
    return "a batch of images of this shape is needed"


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
