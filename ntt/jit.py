"""How kernels are compiled and kept: `kernel` and `inline`. `ntt.kernel_cache` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.compiler_lock import global_compiler_lock

from ntt.kernel_cache import KernelCache, loaded, private_cache

inline: Callable[..., Any] = njit(inline="always")
"""Compile a function into every kernel that calls it."""

_kernels: list[Any] = []


def kernel(function: Callable[..., Any]) -> Any:
    """Have Numba compile `function` at its first call, and keep the machine code in the cache.

    The compiled code runs without the interpreter's lock and does not check array bounds.
    """
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
    """Compile a kernel for arguments of these Numba types, or load it, and for no others.

    From then on Numba converts the arguments of a call where it can: a writable array to a
    read-only one, a contiguous array to one of any layout. Other arguments raise `TypeError`.
    """
    with global_compiler_lock:
        if arguments not in compiled.overloads:
            compiled.compile(arguments)
        compiled.disable_compile()


def is_cached(compiled: Any, arguments: tuple[Any, ...] | None = None) -> bool:
    """Whether the cache holds machine code of a kernel for this CPU and the present sources.

    arguments: the Numba types that it must be for; None for any types.
    """
    return isinstance(compiled._cache, KernelCache) and compiled._cache.holds(arguments)
