"""Image classification sets in the IDX format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from he.format.files import replaced_file
from nn.errors import ZooError

Bytes = NDArray[np.uint8]

LARGEST_BYTES = 1 << 30
MOST_AXES = 4

_PREFIX = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> Bytes:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    The format (LeCun, Cortes, Burges): two zero bytes, type 0x08, the number of dimensions, each
    dimension as a big-endian u32, then the data in row-major order. Raises `ZooError` for files of
    another format, damaged files, and files larger than `LARGEST_BYTES`.
    """
    if path.suffix != ".gz":
        with path.open("rb") as file:
            return _read_idx(file, path)
    try:
        with gzip.open(path) as compressed:
            return _read_idx(compressed, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ZooError(f"{path} is no intact gzip file ({error}); fetch it again") from error


def _read_idx(file: BinaryIO | gzip.GzipFile, path: Path) -> Bytes:
    """The array of an open file; no more is read than the header announces."""
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\x00\x00\x08":
        raise ZooError(f"{path} begins with {start!r}; an IDX file of unsigned bytes is needed")
    rank = start[3]
    header = file.read(4 * rank)
    if len(header) < 4 * rank:
        raise ZooError(
            f"{path} ends within its header, after {4 + len(header)} of {4 + 4 * rank} bytes"
        )
    shape = struct.unpack(f">{rank}I", header)
    size = math.prod(shape)
    if rank > MOST_AXES or size > LARGEST_BYTES:
        raise ZooError(
            f"{path} announces {rank} axes and {size:,} bytes; at most {MOST_AXES} axes and "
            f"{LARGEST_BYTES:,} bytes are read"
        )
    data = file.read(size + 1)
    if len(data) != size:
        more = " or more" if len(data) > size else ""
        raise ZooError(f"{path} announces {shape} and holds {len(data)}{more} bytes of data")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def read_split(folder: Path, split: Literal["train", "test"]) -> tuple[Bytes, Bytes]:
    """Images ``(n, 28, 28)`` and labels ``(n,)`` of one split, from a folder of IDX files.

    Raises `ZooError` for a missing or unsuitable file.
    """
    images = read_idx(_find(folder, f"{_PREFIX[split]}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{_PREFIX[split]}-labels-idx1-ubyte"))
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ZooError(
            f"{folder} holds {split} images {images.shape} and labels {labels.shape}; "
            "(n, 28, 28) and (n,) are needed"
        )
    return images, labels


def write_test_images(images: NDArray[Any], labels: Bytes, path: Path) -> None:
    """Write ``images`` ``(n, ..)`` and ``labels`` ``(n,)`` as `nn.zoo.test_images` reads them.

    images: uint8 pixels, or float32 in the network's input range. Raises `OSError`.
    """
    with replaced_file(path, "wb") as file:
        np.savez_compressed(file, images=images, labels=labels)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise ZooError(f"{folder} holds neither {name} nor {name}.gz")
