"""NumPy's files from strangers: sizes are looked at before anything is read, and nothing is run.

`read_arrays` reads an .npz archive, `read_array` an .npy file. Both check the announced shapes
against a limit first, so that a small file cannot ask for a large memory. NumPy and the standard
library only.
"""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from he.errors import SerializationError

LARGEST_BYTES = 1 << 30
"""The default limit of all arrays of a file together."""

MOST_MEMBERS = 100_000
_KNOWN_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1


class ArchiveError(SerializationError):
    """A file is no archive of plain arrays, is damaged, or holds more than the limit."""


def read_arrays(
    path: Path | str, names: Collection[str] | None = None, largest_bytes: int = LARGEST_BYTES
) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, read-only: those in `names`, default all.

    largest_bytes: what the arrays that are read may take in memory, all together. Raises
    `ArchiveError`, which names the file, for anything but whole plain arrays within the limit;
    `OSError` where the file cannot be opened.
    """
    with Path(path).open("rb") as file:
        try:
            _check_regular(file)
            with zipfile.ZipFile(file) as archive:
                return _read_members(archive, names, largest_bytes)
        except ArchiveError as problem:
            raise ArchiveError(f"{path}: {problem}") from problem
        except Exception as problem:  # whatever the parsers raise on bytes of any kind
            raise ArchiveError(
                f"{path}: no whole .npz archive ({type(problem).__name__}: {problem})"
            ) from problem


def read_array(path: Path | str, largest_bytes: int = LARGEST_BYTES) -> np.ndarray:
    """The array of an .npy file; limits and errors as in `read_arrays`."""
    with Path(path).open("rb") as file:
        try:
            return _read_npy(file, _check_regular(file), largest_bytes)
        except ArchiveError as problem:
            raise ArchiveError(f"{path}: {problem}") from problem
        except Exception as problem:
            raise ArchiveError(
                f"{path}: no whole .npy file ({type(problem).__name__}: {problem})"
            ) from problem


def _check_regular(file: IO[bytes]) -> int:
    """The size of an open file; raises `ArchiveError` for a device or a pipe, which may not end."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ArchiveError("a device or a pipe, not a file: arrays are read from files")
    return status.st_size


def _read_members(
    archive: zipfile.ZipFile, names: Collection[str] | None, largest_bytes: int
) -> dict[str, np.ndarray]:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ArchiveError(f"it has {len(members)} members: at most {MOST_MEMBERS} are read")
    arrays: dict[str, np.ndarray] = {}
    left = largest_bytes
    for member in members:
        name = member.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in arrays:
            raise ArchiveError(f"the member {name!r} stands in it twice")
        if member.compress_type not in _KNOWN_COMPRESSIONS or member.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"the member {name!r} is encrypted, or compressed in another way")
        with archive.open(member) as file:
            arrays[name] = _read_npy(file, member.file_size, left, f"the member {name!r}")
        left -= arrays[name].nbytes
    return arrays


def _read_npy(
    file: IO[bytes], size: int, largest_bytes: int, what: str = "the array"
) -> np.ndarray:
    """The array of a stream of `size` bytes, its header checked before its data are read."""
    version = npy.read_magic(file)
    read_header: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ArchiveError(f"{what} is in version {version} of the .npy format")
    shape, in_fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise ArchiveError(f"{what} holds Python objects: plain numbers are needed")
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ArchiveError(f"{what} has the shape {shape}")
    needed = math.prod(shape) * dtype.itemsize
    if needed > largest_bytes:
        raise ArchiveError(
            f"{what} takes {needed:,} bytes {shape}: the limit has {largest_bytes:,} left"
        )
    if needed > size:
        raise ArchiveError(f"{what} announces {needed:,} bytes and has at most {size:,}")
    data = file.read(needed + 1)
    if len(data) != needed:
        raise ArchiveError(f"{what} announces {needed:,} bytes and has {len(data):,} or more")
    flat = np.frombuffer(data, dtype=dtype) if needed else np.empty(0, dtype=dtype)
    return flat.reshape(shape, order="F" if in_fortran_order else "C")
