"""How kernels are compiled and kept: `kernel` and `inline`. `ntt.kernel_cache` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from ntt.kernel_cache import KernelCache, loaded, private_cache

inline: Callable[..., Any] = njit(inline="always")

_kernels: list[Any] = []


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


def is_cached(compiled: Any) -> bool:
    """Whether the cache holds `compiled` for this CPU, made from the sources as they are."""
    return isinstance(compiled._cache, KernelCache) and compiled._cache.holds_this_cpu()
