"""Colour images for the zoo's training, in npz files. Importing this file imports torch."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from he.format.archive import ArchiveError, read_arrays
from nn.errors import ZooError
from nn.zoo.datasets import Bytes

SHAPE = (32, 32, 3)
CLASSES = 10


def as_pixels(images: Tensor) -> Tensor:
    """Bytes ``(n, H, W, 3)`` as values in [0, 1], ``(n, 3, H, W)`` with the channels last."""
    return (images.float() / 255).permute(0, 3, 1, 2)


def read_jpegs(path: Path) -> tuple[Tensor, Tensor]:
    """Images ``(n, 32, 32, 3)`` uint8 and labels ``(n,)`` int64 of an npz file.

    Its arrays: `jpeg`, the bytes of all files behind one another; `offsets` ``(n + 1,)``, where
    each begins and the last ends; `labels`, 0 to 9. Raises `ZooError` for other files.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ZooError(f"JPEG files are read by Pillow: pip install pillow ({error})") from error
    try:
        arrays = read_arrays(path, ("jpeg", "offsets", "labels"))
        data, offsets = arrays["jpeg"].tobytes(), arrays["offsets"].astype(np.int64).tolist()
        labels = arrays["labels"].astype(np.int64)
        pictures = [
            np.asarray(Image.open(io.BytesIO(data[begin:end])).convert("RGB"))
            for begin, end in itertools.pairwise(offsets)
        ]
        images = np.stack(pictures)
    except (OSError, ArchiveError, KeyError, TypeError, ValueError) as error:
        raise ZooError(f"{path} holds no JPEG images with offsets and labels ({error})") from error
    if images.shape[1:] != SHAPE or labels.shape != images.shape[:1]:
        raise ZooError(
            f"{path} holds images {images.shape} and labels {labels.shape}; (n, 32, 32, 3) and "
            "(n,) are needed"
        )
    _check_labels(labels, path)
    return torch.from_numpy(images), torch.from_numpy(labels)


def read_test_images(path: Path) -> tuple[Bytes, Bytes]:
    """`images` ``(n, 3, 32, 32)`` and `labels` ``(n,)`` uint8, 0 to 9, of an npz file.

    Raises `ZooError` for other files.
    """
    try:
        arrays = read_arrays(path, ("images", "labels"))
        images, labels = arrays["images"], arrays["labels"]
    except (OSError, ArchiveError, KeyError) as error:
        raise ZooError(f"{path} holds no test images with labels ({error})") from error
    kinds = {images.dtype.name, labels.dtype.name}
    if images.shape[1:] != (3, 32, 32) or labels.shape != images.shape[:1] or kinds != {"uint8"}:
        raise ZooError(
            f"{path} holds images {images.shape} {images.dtype} and labels {labels.shape} "
            f"{labels.dtype}; uint8 (n, 3, 32, 32) and (n,) are needed"
        )
    _check_labels(labels, path)
    return images, labels


def _check_labels(labels: NDArray[Any], path: Path) -> None:
    if not len(labels) or labels.min() < 0 or labels.max() >= CLASSES:
        found = f"{labels.min()} to {labels.max()}" if len(labels) else "none"
        raise ZooError(f"{path} holds labels {found}; they must be 0 to {CLASSES - 1}")
