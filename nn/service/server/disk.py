"""Files that are on the disk when a call returns, and the disk that is full."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from nn.service.wire import Refusal

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
PART = ".part"
"""The end of the name of a file that is not whole yet."""


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is whole, and on the disk, when this returns; or leave what was there.

    Raises `OSError`.
    """
    write_whole(path, content)
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is whole; it is on the disk after `sync_folder`. Raises `OSError`."""
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def put_in_place(part: Path, path: Path) -> None:
    """Give a file that is on the disk its final name, durably."""
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or a quota of a disk, is full."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    # SQLite calls a disk full for ENOSPC alone; a used-up quota is an error of writing to it.
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname in _SQLITE_FULL


class Disk:
    """The file system of a data folder, part of which new work must leave free."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve = reserve_bytes

    @property
    def free_bytes(self) -> int:
        """How many bytes are free."""
        return shutil.disk_usage(self._folder).free

    def check(self, more_bytes: int) -> None:
        """Raise a `Refusal` unless so many bytes leave the reserve free."""
        if self.free_bytes - more_bytes < self._reserve:
            raise disk_full()


def disk_full() -> Refusal:
    """The refusal of new work for which the disk has no room."""
    return Refusal(
        507,
        "disk_full",
        "the service has no room for new work; what it accepted is kept. Try again later",
        60.0,
    )
