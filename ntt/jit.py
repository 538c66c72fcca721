"""How kernels are compiled and kept: `kernel` and `inline`. `ntt.kernel_cache` keeps them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from numba import njit

from ntt.kernel_cache import KernelCache, loaded, private_cache

inline: Callable[..., Any] = njit(inline="always")

_kernels: list[Any] = []
_fixing = threading.RLock()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` without the interpreter's lock or bound checks, and keep the result."""
    compiled = njit(nogil=True, boundscheck=False)(function)
    cache = private_cache(function)
    if cache is not None:
        compiled._cache = cache
    _kernels.append(compiled)
    return compiled


def compilations() -> int:
    """How many kernels this process has compiled so far, rather than found in the cache."""
    return sum(len(compiled.overloads) - loaded(compiled) for compiled in _kernels)


def fix_types(compiled: Any, arguments: tuple[Any, ...]) -> None:
    """Compile a kernel for arguments of these Numba types, or load it, and never for any others.

    Numba converts what it can: a writable array to a read-only one, a contiguous one to any. A call
    with other arguments raises `TypeError` from now on.
    """
    with _fixing:
        if arguments not in compiled.overloads:
            compiled.compile(arguments)
        compiled.disable_compile()


def is_cached(compiled: Any, arguments: tuple[Any, ...] | None = None) -> bool:
    """Whether the cache holds `compiled` for this CPU, made from the sources as they are.

    arguments: for these Numba types, default any.
    """
    return isinstance(compiled._cache, KernelCache) and compiled._cache.holds(arguments)
