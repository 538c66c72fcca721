"""Trained networks that ship with the package, and the test images to try them on.

    network = nn.zoo.load("mnist")
    images, labels = nn.zoo.test_images("mnist")

The README beside the files says where the images come from and how each network was trained.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from he.validation import shown
from nn.errors import NetworkFileError, ZooError
from nn.network import network_file
from nn.network.graph import Network

__all__ = ["class_names", "load", "names", "test_images"]

_FOLDER = Path(__file__).parent
_CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "cifar10": (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    "breast_cancer": ("malignant", "benign"),
    "gun_point": ("gun", "point"),
}


def names() -> tuple[str, ...]:
    """The names of the networks in the zoo."""
    return tuple(_CLASSES)


def class_names(name: str) -> tuple[str, ...]:
    """The class of each logit of a network; raises `ZooError` for an unknown name."""
    if not isinstance(name, str) or name not in _CLASSES:
        raise ZooError(f"the zoo has no network {shown(name)}; it has {', '.join(_CLASSES)}")
    return _CLASSES[name]


def load(name: str) -> Network:
    """A trained network; `input_shape` and `input_range` say what it takes.

    BatchNorm is folded, and `statistics` cover all training images, of `cifar10` 1,000 of them.
    Raises `ZooError` for an unknown name or a damaged file.
    """
    class_names(name)
    path = _FOLDER / f"{name}.npz"
    try:
        return network_file.load(path)
    except (OSError, NetworkFileError) as error:
        raise ZooError(f"{path} is missing or damaged ({error}); reinstall the package") from error


def test_images(name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The bundled test set: images ``(n, *input_shape)`` in the input range, and labels ``(n,)``.

    Of `mnist` and `fashion_mnist` all 10,000, in [0, 1], of `cifar10` the first 500; of the tables
    and signals all rows. Raises `ZooError` for an unknown name or a damaged file.
    """
    class_names(name)
    path = _FOLDER / f"{name}_test.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images, labels = archive["images"], archive["labels"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ZooError(f"{path} is missing or damaged ({error}); reinstall the package") from error
    values = images.astype(np.float32)
    if images.dtype == np.uint8:
        values /= np.float32(255)
    if images.ndim == 3 and images.dtype == np.uint8:  # pictures of one channel
        values = values[:, np.newaxis]
    return values, labels.astype(np.int64)


# Without this, pytest takes the function for a test wherever it is imported by name.
test_images.__test__ = False  # type: ignore[attr-defined]
