"""Images from PNG and NumPy files, as a network takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nn.cli.data import as_images
from nn.errors import NetworkError, ShapeError
from nn.network.graph import Network
from nn.network.layers import FloatArray

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class ImageFileError(NetworkError):
    """A file cannot be read as an image."""


def read_images(network: Network, path: Path, invert: bool = False) -> FloatArray:
    """The images in a file, (n, *input_shape) in the network's input range.

    A PNG's pixels are taken as intensities from 0 to 1, its colours as luminance where the network
    takes one channel; a .npy file holds one image or a batch, as `nn.cli.data.as_images` says.
    invert: dark strokes on a light ground, where the network learnt light ones on a dark ground.

    Raises `ImageFileError`, `ShapeError` or `InputRangeError`, naming the file.
    """
    array = _read_png(network, path) if path.suffix.lower() == ".png" else _read_npy(path)
    images = as_images(network, array, str(path))
    low, high = network.input_range
    return low + high - images if invert else images


def _read_npy(path: Path) -> NDArray[np.generic]:
    if path.suffix.lower() != ".npy":
        raise ImageFileError(f"{path} is named {path.suffix!r}; .png or .npy is needed")
    try:
        array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ImageFileError(f"{path} cannot be read as a .npy file: {error}") from error
    return array


def _read_png(network: Network, path: Path) -> FloatArray:
    from matplotlib import image

    try:
        pixels = np.asarray(image.imread(path), dtype=np.float64)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageFileError(f"{path} cannot be read as a PNG: {error}") from error
    if len(network.input_shape) != 3:
        raise ShapeError(
            f"{path} is a picture; the network {network.name!r} takes vectors "
            f"{network.input_shape}: give a .npy file"
        )
    channels = network.input_shape[0]
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
