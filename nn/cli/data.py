"""Images and labels for a network, from the zoo's test set or from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

import nn
from he.format.archive import ArchiveError, read_arrays
from nn.errors import InputRangeError, NetworkFileError, ShapeError, ZooError
from nn.network.graph import Network
from nn.network.images import as_batch, check_pixels
from nn.network.layers import FloatArray, Shape


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """`images` (n, *input_shape) float64 in the network's input range, `labels` (n,) int64."""

    images: FloatArray
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> LabelledImages:
        """The first `count` images; raises `ShapeError` if there are fewer."""
        if count > len(self):
            raise ShapeError(f"{count} images are asked for, but there are only {len(self)}")
        return LabelledImages(self.images[:count], self.labels[:count])

    def at(self, indices: Sequence[int]) -> LabelledImages:
        """The images at `indices`; raises `ShapeError` for an index out of range."""
        for index in indices:
            if not 0 <= index < len(self):
                raise ShapeError(f"there is no image {index}: indices go from 0 to {len(self) - 1}")
        return LabelledImages(self.images[list(indices)], self.labels[list(indices)])


class TakesImages(Protocol):
    """What says which images it takes: a network, or the plan of one."""

    @property
    def name(self) -> str:
        """The name of the network."""

    @property
    def input_shape(self) -> Shape:
        """The shape of one image."""

    @property
    def input_range(self) -> tuple[float, float]:
        """The least and the largest value of an image."""

    def check_range(self, images: ArrayLike) -> FloatArray:
        """The batch as float64; raises `InputRangeError` for values outside the range."""


@dataclass(frozen=True)
class InputOf:
    """The images that a plan takes."""

    name: str
    input_shape: Shape
    input_range: tuple[float, float]

    def check_range(self, images: ArrayLike) -> FloatArray:
        """The batch as float64; raises `InputRangeError` for values outside the range."""
        batch = as_batch(images, self.input_shape, f"the plan for {self.name!r}")
        check_pixels(batch, self.input_range)
        return batch


def load_data(network: Network, path: Path | None) -> LabelledImages:
    """The images and labels in the file `path`, or the zoo's test set for the network's name.

    Raises `ZooError` if the zoo has no such test set, `NetworkFileError` for a file without images
    and labels, and what `as_images` raises.
    """
    if path is None:
        if network.name not in nn.zoo.names():
            raise ZooError(
                f"the zoo has no images for the network {network.name!r}: name a file with --data"
            )
        pixels, labels = nn.zoo.test_images(network.name)
        return LabelledImages(as_images(network, pixels, "the zoo's test set"), labels)
    try:
        arrays = read_arrays(path, ("images", "labels"))
        found, labels = arrays["images"], arrays["labels"]
    except (OSError, KeyError, ArchiveError) as error:
        raise NetworkFileError(
            f"{path} cannot be read as an .npz file with the arrays images and labels: {error}"
        ) from error
    images = as_images(network, found, str(path))
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ShapeError(
            f"labels in {path} have shape {labels.shape} and dtype {labels.dtype}; whole numbers "
            f"({len(images)},) are needed"
        )
    return LabelledImages(images, labels.astype(np.int64))


def as_images(network: TakesImages, array: NDArray[np.generic], source: str) -> FloatArray:
    """A batch (n, *input_shape) in the network's input range, from one image or several.

    Values of dtype uint8 are divided by 255. A missing channel axis of length 1 is added. Raises
    `ShapeError` or `InputRangeError`, which name `source`.
    """
    if array.dtype.kind not in "fiu":
        raise InputRangeError(f"{source} has dtype {array.dtype}; real numbers are needed")
    values: FloatArray = array.astype(np.float64)
    if array.dtype == np.uint8:
        values /= 255
    shape = network.input_shape
    plain = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if values.shape in (shape, plain):
        values = values[np.newaxis]
    if values.shape[1:] not in (shape, plain):
        raise ShapeError(
            f"{source} has shape {values.shape}; the network {network.name!r} takes images {shape}"
        )
    return network.check_range(values.reshape(-1, *shape))


def class_names(network: Network) -> tuple[str, ...]:
    """The class of each logit: the zoo's names, or numbers for another network."""
    count = int(np.prod(network.output_shape))
    return names_of_classes(network.name, count)


def names_of_classes(name: str, count: int) -> tuple[str, ...]:
    """The zoo's names of the classes of the network called `name`, or numbers."""
    if name in nn.zoo.names() and len(nn.zoo.class_names(name)) == count:
        return nn.zoo.class_names(name)
    return tuple(map(str, range(count)))
