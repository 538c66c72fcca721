"""Encoded diagonals in files that are mapped into memory: read where used, dropped where needed.

A file is named by the digest of what its weights are computed from. 4096 bytes stand before the
weights: the magic number, the version, that digest, and the shape. BLAKE2b-256 of these and of the
digests of the weights' parts of 16 MiB stands behind. It finds accidents; it is no signature. Who
can write to the folder decides what the server computes.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from he.ckks.circuits.diagonals import EncodedDiagonals, with_weights
from he.ckks.encoding.encoder import Encoder
from he.errors import CorruptBytesError, ForeignBytesError, VersionError
from ntt import threads

MAGIC = b"\x89HEAW\r\n\x1a"
VERSION = 2
_HEAD = struct.Struct("<8sQ32s4Q")
_HEAD_BYTES = 4096
_DIGEST_BYTES = 32
_PART_BYTES = 16 << 20
_WORDS = np.dtype("<u8")


def weight_file(arranged: ArrangedDiagonals, folder: Path) -> Path:
    """Where the weights of arranged diagonals lie in a folder."""
    return folder / f"{arranged.digest.hex()[:32]}.weights"


def mapped_diagonals(
    arranged: ArrangedDiagonals,
    encoder: Encoder,
    folder: Path,
    advance: Callable[[int], object] | None = None,
) -> EncodedDiagonals:
    """The encoded diagonals of `weight_file`, which is written if there is none.

    advance: as in `ArrangedDiagonals.encode`. All weights are read once, to compare their digest.
    The file must not change while they are in use. Raises `ForeignBytesError` for a file of other
    weights, `VersionError` for one of another version, `CorruptBytesError` for an altered one, and
    `OSError` where the file cannot be read or written.
    """
    path = weight_file(arranged, folder)
    if path.exists():
        weights = _read(path, arranged)
        if advance is not None:
            advance(len(arranged.vectors))
    else:
        _write(path, arranged, encoder, advance)
        weights = _mapped(path, arranged.shape)
    return with_weights(EncodedDiagonals, arranged, weights)


def _write(
    path: Path,
    arranged: ArrangedDiagonals,
    encoder: Encoder,
    advance: Callable[[int], object] | None,
) -> None:
    size = arranged.weight_bytes
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:16]}.")
    try:
        with open(descriptor, "r+b") as file:
            _reserve(file.fileno(), _HEAD_BYTES + size + _DIGEST_BYTES)
            weights = _mapped(Path(name), arranged.shape, writable=True)
            arranged.encode(weights, encoder, advance)
            head = _head(arranged)
            file.write(head)
            file.seek(_HEAD_BYTES + size)
            file.write(_digest(head, weights))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _reserve(descriptor: int, size: int) -> None:
    """Make a file so long. Where the disk is full, this says so: mapped memory could not."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def _read(path: Path, arranged: ArrangedDiagonals) -> np.ndarray:
    way_out = "delete the file, and its weights are encoded anew"
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        magic = head[: len(MAGIC)]
        if magic != MAGIC:
            raise ForeignBytesError(f"{path} holds no encoded weights of this project: {way_out}")
        if len(head) == _HEAD.size and _HEAD.unpack(head)[1] != VERSION:
            raise VersionError(
                f"{path} has version {_HEAD.unpack(head)[1]}, this release reads {VERSION}: "
                f"{way_out}"
            )
        size = file.seek(0, os.SEEK_END)
        if size != _HEAD_BYTES + arranged.weight_bytes + _DIGEST_BYTES:
            raise CorruptBytesError(
                f"{path} has {size} bytes, "
                f"{_HEAD_BYTES + arranged.weight_bytes + _DIGEST_BYTES} are needed: {way_out}"
            )
        if head != _head(arranged):
            raise ForeignBytesError(f"{path} holds the weights of another linear map: {way_out}")
        file.seek(-_DIGEST_BYTES, os.SEEK_END)
        stated = file.read()
    weights = _mapped(path, arranged.shape)
    if _digest(head, weights) != stated:
        raise CorruptBytesError(f"{path} was altered, its digest is another: {way_out}")
    return weights


def _mapped(path: Path, shape: tuple[int, ...], *, writable: bool = False) -> np.ndarray:
    return np.asarray(np.memmap(path, _WORDS, "r+" if writable else "r", _HEAD_BYTES, shape))


def _head(arranged: ArrangedDiagonals) -> bytes:
    return _HEAD.pack(MAGIC, VERSION, arranged.digest, *arranged.shape)


def _digest(head: bytes, weights: np.ndarray) -> bytes:
    """The digest of the head and of the parts of the weights."""
    octets = weights.reshape(-1).view(np.uint8)
    parts = [b""] * math.ceil(octets.size / _PART_BYTES)

    def work(lo: int, hi: int) -> None:
        for part in range(lo, hi):
            chunk = octets[part * _PART_BYTES : (part + 1) * _PART_BYTES]
            parts[part] = hashlib.blake2b(chunk.data, digest_size=_DIGEST_BYTES).digest()

    threads.split(len(parts), work)
    return hashlib.blake2b(b"".join([head, *parts]), digest_size=_DIGEST_BYTES).digest()
