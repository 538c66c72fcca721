"""Files that hold code which this process will run: only from folders of its own, digest first.

A digest stops accidents, not attackers: who can write to the folder can run code in this process.
A folder that others can write to is therefore not used. Standard library only.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ntt.errors import KernelCacheWarning

Stamp = tuple[str, int, int]
"""A name, the time of change in nanoseconds, and the size of a source file."""

_DIGEST_BYTES = 32


def sealed(magic: bytes, contents: bytes) -> bytes:
    """What a file holds: `magic`, a digest of the contents, the contents."""
    return magic + hashlib.sha256(contents).digest() + contents


def unsealed(magic: bytes, path: Path, data: bytes) -> bytes:
    """The contents of a file; raises `ValueError` unless they match their digest."""
    digest, contents = data[len(magic) :][:_DIGEST_BYTES], data[len(magic) + _DIGEST_BYTES :]
    if not data.startswith(magic) or hashlib.sha256(contents).digest() != digest:
        raise ValueError(f"{path.name} does not match its digest")
    return contents


def replace(path: Path, data: bytes) -> None:
    """Write a file that is whole or absent whenever another process looks; raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@functools.cache
def shared_folder(folder: str, source_owner: int) -> str:
    """What lets others change a folder or swap it for another, in words; nothing: ''.

    The owner must be this user, the superuser, or the owner of the sources, who decides anyway what
    runs. The folder must not be writable for all, nor for a group with other members; the folders
    above neither, unless they are sticky.
    """
    if not hasattr(os, "geteuid"):  # no such permissions on this system
        return ""
    path = Path(folder).resolve()
    while not path.exists():
        path = path.parent
    for place in (path, *path.parents):
        status = place.stat()
        sticky = place != path and status.st_mode & stat.S_ISVTX
        if status.st_uid not in (os.geteuid(), 0, source_owner):
            return f"{place} belongs to another user ({status.st_uid})"
        if status.st_mode & stat.S_IWOTH and not sticky:
            return f"everybody can write to {place}"
        if status.st_mode & stat.S_IWGRP and not sticky and has_others(status):
            return f"the members of group {status.st_gid} can write to {place}"
    return ""


def has_others(status: os.stat_result) -> bool:
    """Whether a folder's group has members besides its owner; of an unknown group, yes."""
    import grp
    import pwd

    try:
        members = set(grp.getgrgid(status.st_gid).gr_mem)
        if status.st_gid == 0:  # the superuser's own group; containers give it to every user
            return bool(members - {"root"})
        owner = pwd.getpwuid(status.st_uid)
    except KeyError:
        return True
    return owner.pw_gid != status.st_gid or bool(members - {owner.pw_name})


def owner_of(path: str) -> int:
    """The user who owns a file; the superuser where there is no such file."""
    try:
        return os.stat(path).st_uid
    except OSError:
        return 0


@functools.cache
def warn_once(message: str) -> None:
    """A `KernelCacheWarning`, the first time in this process."""
    warnings.warn(message, KernelCacheWarning, stacklevel=4)


@functools.cache
def sources_stamp() -> tuple[Stamp, ...]:
    """The stamp of every source file of this package when it was imported."""
    return read_sources_stamp()


def read_sources_stamp() -> tuple[Stamp, ...]:
    """The stamp of every source file of this package now."""
    package = Path(__file__).parent
    return tuple(
        file_stamp(str(path.relative_to(package)), path) for path in sorted(package.rglob("*.py"))
    )


def helpers_stamp(function: Callable[..., Any]) -> tuple[Stamp, ...]:
    """The same of every file of the function's package whose names reach its module by import."""
    package = function.__module__.partition(".")[0]
    found: dict[str, Stamp] = {}
    open_names = [function.__globals__]
    while open_names:
        for value in open_names.pop().values():
            name = str(getattr(value, "__module__", None))
            module = sys.modules.get(name)
            path = getattr(module, "__file__", None)
            if name.partition(".")[0] == package and name not in found and path is not None:
                found[name] = file_stamp(name, Path(path))
                open_names.append(vars(module))
    return tuple(found[name] for name in sorted(found))


def file_stamp(name: str, path: Path) -> Stamp:
    """The stamp of one file under a name; raises `OSError`."""
    status = path.stat()
    return name, status.st_mtime_ns, status.st_size


sources_stamp()  # while they are what is imported
