"""How kernels are compiled and kept: `kernel`, `inline`, and the cache behind them.

Numba keeps machine code in ``__pycache__`` beside the source; where that is not writable, in a
folder of the user (``NUMBA_CACHE_DIR`` names another). It recompiles a kernel when its own file
changes; here a change of any file of `ntt` counts too, and of the files of the kernel's own package
that it takes names from, since their code may be inlined into the kernel.
Where nothing can be kept, or what was kept is damaged, a `KernelCacheWarning` says so once and the
kernels are compiled for this process alone.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target

from ntt.errors import KernelCacheWarning

inline: Callable[..., Any] = njit(inline="always")

_kernels: list[Any] = []


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` without the interpreter's lock or bound checks, and keep the result."""
    compiled = njit(nogil=True, boundscheck=False)(function)
    try:
        compiled._cache = KernelCache(function)
    except RuntimeError:  # Numba found no folder to write to
        _warn_once(
            "compiled kernels cannot be kept: neither the folder of the sources nor one of the "
            "user can be written to; name one with NUMBA_CACHE_DIR"
        )
    _kernels.append(compiled)
    return compiled


def compilations() -> int:
    """How many kernels this process has compiled so far, rather than found in the cache."""
    return sum(len(compiled.overloads) - _loaded(compiled) for compiled in _kernels)


def is_cached(compiled: Any) -> bool:
    """Whether the cache holds `compiled` for this CPU, made from the sources as they are."""
    return isinstance(compiled._cache, KernelCache) and compiled._cache.holds_this_cpu()


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, stale when any source of `ntt` changes, and never fatal."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        own = self._cache_file._source_stamp
        self._cache_file._source_stamp = (own, _sources_stamp(), _helpers_stamp(function))

    def holds_this_cpu(self) -> bool:
        """Whether the index names machine code for this CPU and these sources."""
        try:
            index = self._cache_file._load_index()
        except Exception:
            return False
        machine = cpu_target.target_context.codegen().magic_tuple()
        return any(key[1] == machine for key in index)

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


def _loaded(compiled: Any) -> int:
    return sum(compiled.stats.cache_hits.values())


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
