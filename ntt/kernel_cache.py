"""The cache of compiled kernels: stale when a source changes, never trusted unchecked, never fatal.

Numba keeps machine code in ``__pycache__`` beside the source; where that is not writable, in a
folder of the user (``NUMBA_CACHE_DIR`` names another). Numba recompiles a kernel when its own file
changes; here a change of any file of `ntt` counts too, and of the files of the kernel's own package
that it takes names from, since their code may be inlined into the kernel.

Every file carries a digest of its contents, so that damaged machine code is compiled anew instead
of run. A folder that others can write to is not used (`ntt.kept_files` says why). A folder that
this process cannot write to, as in a container, is read where it holds a kernel's machine code.
Where nothing can be kept, or what was kept is damaged, a `KernelCacheWarning` says so once, and the
kernels are compiled for this process alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)
from numba.core.registry import cpu_target

from ntt.kept_files import (
    helpers_stamp,
    owner_of,
    read_sources_stamp,
    sealed,
    shared_folder,
    sources_stamp,
    unsealed,
    warn_once,
)

MAGIC = b"he-accel kernel 1\n"
_PICKLE = b"\x80"
"""How the files of earlier versions, and Numba's own, begin."""


def private_cache(function: Callable[..., Any]) -> KernelCache | None:
    """The cache of a function, or None with a `KernelCacheWarning` where there is no safe place."""
    owner = owner_of(function.__code__.co_filename)
    with contextlib.suppress(RuntimeError):  # there is no such folder
        kept = ReadOnlyKernelCache(function)
        if not shared_folder(kept.cache_path, owner) and kept.holds(None):
            return kept
    try:
        cache = KernelCache(function)
    except RuntimeError:  # Numba found no folder to write to
        warn_once(
            "compiled kernels cannot be kept: neither the folder of the sources nor one of the "
            "user can be written to; name one with NUMBA_CACHE_DIR"
        )
        return None
    trouble = shared_folder(cache.cache_path, owner)
    if trouble:
        warn_once(
            f"compiled kernels are neither kept nor read: {trouble}, and who writes there can run "
            "code in this process; take the permission away (chmod go-w) or name a private folder "
            "with NUMBA_CACHE_DIR"
        )
        return None
    return cache


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
        return unsealed(MAGIC, Path(path), data)

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BinaryIO]:
        buffer = io.BytesIO()
        yield buffer
        contents = buffer.getvalue()
        with super()._open_for_write(filepath) as file:
            file.write(sealed(MAGIC, contents))


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, stale when any source of `ntt` changes, and never fatal."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        own = self._impl.locator.get_source_stamp()
        file = CheckedFile(self._cache_path, self._impl.filename_base, own)
        # The version is compared before the rest of an index is unpickled: the rest may name types
        # of operands that the sources no longer define.
        file._version = (file._version, sources_stamp(), helpers_stamp(function))
        self._cache_file = file
        self._function = function

    def is_of_sources(self) -> bool:
        """Whether the source files are still those that this process imported."""
        _, sources, helpers = self._cache_file._version
        # A module that is being imported does not have all its names yet.
        of_file = {name: stamp for name, *stamp in helpers_stamp(self._function)}
        return (
            sources == read_sources_stamp()
            and all(of_file.get(name, stamp) == stamp for name, *stamp in helpers)
            and self._cache_file._source_stamp == self._impl.locator.get_source_stamp()
        )

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

    def object_code(self, arguments: tuple[Any, ...], compiled: Any) -> bytes | None:
        """The object code that is kept for these Numba types (of a `CompileResult`), or None."""
        try:
            data = self._cache_file.load(self._index_key(arguments, compiled.codegen))
            (_, kind, blocks), *_ = data
        except Exception:  # nothing kept, or a damaged file
            return None
        return bytes(blocks[0]) if kind == "object" else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kept machine code for a signature, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever a damaged pickle raises
            warn_once(f"a kept kernel in {self.cache_path} is damaged, compiling it anew: {error}")
            self._try(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the machine code for a signature."""
        self._try(lambda: super(KernelCache, self).save_overload(sig, data))

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            warn_once(f"compiled kernels cannot be kept in {self.cache_path}: {error}")


class _ReadOnlyPlace:
    """Where Numba looks for a folder to write to, one that can only be read."""

    get_cache_path: Callable[[], str]

    def ensure_cache_path(self) -> None:
        """Raise `OSError` unless the folder exists and cannot be written to."""
        path = self.get_cache_path()
        if not os.path.isdir(path) or os.access(path, os.W_OK):
            raise OSError(f"{path} is no read-only folder")


class _ReadOnlyNamed(_ReadOnlyPlace, UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder that NUMBA_CACHE_DIR names."""


class _ReadOnlyBeside(_ReadOnlyPlace, InTreeCacheLocator):  # type: ignore[misc]
    """The folder beside the source."""


class _ReadOnlyOfUser(_ReadOnlyPlace, UserWideCacheLocator):  # type: ignore[misc]
    """The folder of the user."""


class _ReadOnlyFiles(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_ReadOnlyNamed, _ReadOnlyBeside, _ReadOnlyOfUser)


class ReadOnlyKernelCache(KernelCache):
    """The same in the first folder that exists and cannot be written to.

    Raises `RuntimeError` where there is none.
    """

    _impl_class = _ReadOnlyFiles
