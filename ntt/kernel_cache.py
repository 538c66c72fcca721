"""The cache of compiled kernels: stale when a source changes, never trusted unchecked, never fatal.

Numba keeps machine code in ``__pycache__`` beside the source; where that is not writable, in a
folder of the user (``NUMBA_CACHE_DIR`` names another). Numba recompiles a kernel when its own file
changes; here a change of any file of `ntt` counts too, and of the files of the kernel's own package
that it takes names from, since their code may be inlined into the kernel.

Every file carries a digest of its contents, so that damaged machine code is compiled anew instead
of run. A digest stops accidents, not attackers: who can write to the folder can run code in this
process. A folder that others can write to is therefore not used. Where nothing can be kept, or what
was kept is damaged, a `KernelCacheWarning` says so once, and the kernels are compiled for this
process alone.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import pickle
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.registry import cpu_target

from ntt.errors import KernelCacheWarning

MAGIC = b"he-accel kernel 1\n"
_PICKLE = b"\x80"
"""How the files of earlier versions, and Numba's own, begin."""


def private_cache(function: Callable[..., Any]) -> KernelCache | None:
    """The cache of a function, or None with a `KernelCacheWarning` where there is no safe place."""
    try:
        cache = KernelCache(function)
    except RuntimeError:  # Numba found no folder to write to
        _warn_once(
            "compiled kernels cannot be kept: neither the folder of the sources nor one of the "
            "user can be written to; name one with NUMBA_CACHE_DIR"
        )
        return None
    trouble = shared_folder(cache.cache_path, _owner_of(function.__code__.co_filename))
    if trouble:
        _warn_once(
            f"compiled kernels are neither kept nor read: {trouble}, and who writes there can run "
            "code in this process; take the permission away (chmod go-w) or name a private folder "
            "with NUMBA_CACHE_DIR"
        )
        return None
    return cache


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
        if status.st_mode & stat.S_IWGRP and not sticky and _has_others(status):
            return f"the members of group {status.st_gid} can write to {place}"
    return ""


def loaded(compiled: Any) -> int:
    """How many versions of a kernel came from the cache."""
    return sum(compiled.stats.cache_hits.values())


class CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """Numba's index and data files, each behind a digest of its contents."""

    def _load_index(self) -> dict[Any, str]:
        contents = self._contents(self._index_path)
        if contents is None:
            return {}
        file = io.BytesIO(contents)
        if pickle.load(file) != self._version:
            return {}
        stamp, overloads = pickle.load(file)
        return overloads if stamp == self._source_stamp else {}

    def _load_data(self, name: str) -> Any:
        contents = self._contents(self._data_path(name))
        if contents is None:
            raise FileNotFoundError(name)
        return pickle.loads(contents)

    def _contents(self, path: str) -> bytes | None:
        """What a file holds; None where there is none, or one of another format."""
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        if data.startswith(_PICKLE):
            return None
        digest, contents = data[len(MAGIC) :][:32], data[len(MAGIC) + 32 :]
        if not data.startswith(MAGIC) or hashlib.sha256(contents).digest() != digest:
            raise ValueError(f"{Path(path).name} does not match its digest")
        return contents

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BinaryIO]:
        buffer = io.BytesIO()
        yield buffer
        contents = buffer.getvalue()
        with super()._open_for_write(filepath) as file:
            file.write(MAGIC + hashlib.sha256(contents).digest() + contents)


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, stale when any source of `ntt` changes, and never fatal."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        own = self._impl.locator.get_source_stamp()
        file = CheckedFile(self._cache_path, self._impl.filename_base, own)
        # The version is compared before the rest of an index is unpickled: the rest may name types
        # of operands that the sources no longer define.
        file._version = (file._version, _sources_stamp(), _helpers_stamp(function))
        self._cache_file = file

    def holds(self, arguments: tuple[Any, ...] | None) -> bool:
        """Whether the index names machine code for this CPU and these sources.

        arguments: for these Numba types, None for any.
        """
        try:
            index = self._cache_file._load_index()
        except Exception:
            return False
        machine = cpu_target.target_context.codegen().magic_tuple()
        return any(key[1] == machine and arguments in (None, key[0]) for key in index)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kept machine code for a signature, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever a damaged pickle raises
            _warn_once(f"a kept kernel in {self.cache_path} is damaged, compiling it anew: {error}")
            self._try(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the machine code for a signature."""
        self._try(lambda: super(KernelCache, self).save_overload(sig, data))

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            _warn_once(f"compiled kernels cannot be kept in {self.cache_path}: {error}")


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, KernelCacheWarning, stacklevel=4)


@functools.cache
def _sources_stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time of change in nanoseconds and size of every source file of this package."""
    package = Path(__file__).parent
    return tuple(
        _file_stamp(str(path.relative_to(package)), path) for path in sorted(package.rglob("*.py"))
    )


def _helpers_stamp(function: Callable[..., Any]) -> tuple[tuple[str, int, int], ...]:
    """The same of every file of the function's package whose names reach its module by import."""
    package = function.__module__.partition(".")[0]
    found: dict[str, tuple[str, int, int]] = {}
    open_names = [function.__globals__]
    while open_names:
        for value in open_names.pop().values():
            name = str(getattr(value, "__module__", None))
            module = sys.modules.get(name)
            path = getattr(module, "__file__", None)
            if name.partition(".")[0] == package and name not in found and path is not None:
                found[name] = _file_stamp(name, Path(path))
                open_names.append(vars(module))
    return tuple(found[name] for name in sorted(found))


def _file_stamp(name: str, path: Path) -> tuple[str, int, int]:
    return name, path.stat().st_mtime_ns, path.stat().st_size


def _owner_of(path: str) -> int:
    try:
        return os.stat(path).st_uid
    except OSError:
        return 0


def _has_others(status: os.stat_result) -> bool:
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
