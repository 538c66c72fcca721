"""Images from PNG and NumPy files, in the shape and range of a network's input."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from he.format.archive import ArchiveError, read_array
from nn.cli.data import TakesImages, as_images
from nn.errors import NetworkError, ShapeError
from nn.network.layers import FloatArray

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class ImageFileError(NetworkError):
    """A file cannot be read as an image."""


def read_images(network: TakesImages, path: Path, invert: bool = False) -> FloatArray:
    """The images in a file, (n, *input_shape) in the network's input range.

    The pixels of a PNG are intensities from 0 to 1; for a network of one channel, colours become
    luminance. A .npy file holds one image or a batch, as `nn.cli.data.as_images` says. invert: turn
    dark strokes on a light ground into light strokes on a dark ground.

    Raises `ImageFileError`, `ShapeError` or `InputRangeError`, which name the file.
    """
    array = _read_png(network, path) if path.suffix.lower() == ".png" else _read_npy(path)
    images = as_images(network, array, str(path))
    low, high = network.input_range
    return low + high - images if invert else images


def _read_npy(path: Path) -> NDArray[np.generic]:
    if path.suffix.lower() != ".npy":
        raise ImageFileError(f"{path} is named {path.suffix!r}; .png or .npy is needed")
    try:
        return read_array(path)
    except (OSError, ArchiveError) as error:
        raise ImageFileError(f"{path} cannot be read as a .npy file: {error}") from error


def _png_size(path: Path) -> tuple[int, int]:
    """(height, width), from the first bytes of the file: a huge picture is never decoded."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_PNG_START) + 8)
    except OSError as error:
        raise ImageFileError(f"{path} cannot be read as a PNG: {error}") from error
    if not start.startswith(_PNG_START) or len(start) < len(_PNG_START) + 8:
        raise ImageFileError(f"{path} cannot be read as a PNG: it does not begin like one")
    width, height = struct.unpack(">II", start[len(_PNG_START) :])
    return height, width


def _read_png(network: TakesImages, path: Path) -> FloatArray:
    from matplotlib import image

    if len(network.input_shape) != 3:
        raise ShapeError(
            f"{path} is a picture; the network {network.name!r} takes vectors "
            f"{network.input_shape}: give a .npy file"
        )
    channels, height, width = network.input_shape
    if _png_size(path) != (height, width):
        raise ShapeError(
            f"{path} has {' x '.join(map(str, _png_size(path)))} pixels (height x width); the "
            f"network {network.name!r} takes {height} x {width}: resize it first"
        )
    try:
        pixels = np.asarray(image.imread(path), dtype=np.float64)
    except Exception as error:  # whatever a decoder raises on bytes of any kind
        raise ImageFileError(f"{path} cannot be read as a PNG: {error}") from error
    if pixels.ndim == 2:
        return np.repeat(pixels[np.newaxis], channels, axis=0)
    if pixels.shape[2] in (2, 4):
        if pixels[..., -1].min() < 1:
            raise ImageFileError(f"{path} is transparent in places; save it without transparency")
        pixels = pixels[..., :-1]
    if channels == 1 and pixels.shape[2] == 3:
        luminance: FloatArray = pixels @ _LUMINANCE
        return luminance[np.newaxis]
    return np.moveaxis(pixels, 2, 0)
