"""Files: read up to a bound, written whole or not at all, refused before the work."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import tempfile
import zlib
from pathlib import Path

from rtl.errors import OutputError

LARGEST_BYTES = 1 << 28
_GZIP = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, plain or compressed by gzip.

    Raises `OSError`, also for more than `LARGEST_BYTES` and for a damaged compression.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if data[:2] == _GZIP:
        try:
            with gzip.open(io.BytesIO(data)) as compressed:
                data = compressed.read(LARGEST_BYTES + 1)
        except (EOFError, zlib.error) as error:
            raise OSError(errno.EIO, f"damaged gzip data: {error}", str(path)) from error
    if len(data) > LARGEST_BYTES:
        words = f"there are more than the {LARGEST_BYTES:,} bytes that are read of such a file"
        raise OSError(errno.EFBIG, words, str(path))
    return data


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file at once: a reader sees what was there before, or all of `content`.

    A text is written as UTF-8. Missing folders are made. Raises `OSError`.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(part, mode)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def check_writable(path: Path) -> None:
    """Raise `OutputError` unless `write_whole` can write to `path`. Nothing is written."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    there = next(place for place in path.absolute().parents if place.exists())
    if not there.is_dir():
        raise OutputError(f"{path} cannot be written: {there} is no folder")
    needed = [there, path] if path.exists() else [there]
    if not all(os.access(place, os.W_OK) for place in needed):
        raise OutputError(f"{path} cannot be written: no permission")
