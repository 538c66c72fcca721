"""Image classification sets in the IDX format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nn.errors import ZooError

Bytes = NDArray[np.uint8]

_PREFIX = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> Bytes:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    The format (LeCun, Cortes, Burges): two zero bytes, type 0x08, the number of dimensions, each
    dimension as a big-endian u32, then the data in row-major order.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ZooError(f"{path} is no intact gzip file ({error}); fetch it again") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ZooError(f"{path} begins with {raw[:4]!r}; an IDX file of unsigned bytes is needed")
    rank = raw[3]
    start = 4 + 4 * rank
    if len(raw) < start:
        raise ZooError(f"{path} ends within its header, after {len(raw)} of {start} bytes")
    shape = struct.unpack(f">{rank}I", raw[4:start])
    if len(raw) != start + math.prod(shape):
        raise ZooError(f"{path} announces {shape} and holds {len(raw) - start} bytes of data")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def read_split(folder: Path, split: Literal["train", "test"]) -> tuple[Bytes, Bytes]:
    """Images ``(n, 28, 28)`` and labels ``(n,)`` of one split, from a folder of IDX files."""
    images = read_idx(_find(folder, f"{_PREFIX[split]}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{_PREFIX[split]}-labels-idx1-ubyte"))
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ZooError(
            f"{folder} holds {split} images {images.shape} and labels {labels.shape}; "
            "(n, 28, 28) and (n,) are needed"
        )
    return images, labels


def write_test_images(folder: Path, path: Path) -> None:
    """Bundle the test split of a folder of IDX files as ``images`` and ``labels`` in an npz."""
    images, labels = read_split(folder, "test")
    np.savez_compressed(path, images=images, labels=labels)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise ZooError(f"{folder} holds neither {name} nor {name}.gz")
