"""Compile every kernel before it is needed; `python -m ntt warm` on the command line."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ntt import jit
from ntt.backends import select
from ntt.backends.contract import KERNELS, argument_types
from ntt.tables import multiply_modulo

Progress = Callable[[str, str, float], None]


def is_warm(*backends: str) -> bool:
    """Whether the cache holds every kernel of `backends`, default all that this CPU can run.

    Raises `BackendError` for a backend that is unknown or that the CPU cannot run.
    """
    modules = [select.source_module(name) for name in backends or select.available_backends()]
    return all(
        jit.is_cached(getattr(module, kernel), argument_types(kernel))
        for module in modules
        for kernel in KERNELS
    )


def warm(*backends: str, progress: Progress | None = None) -> bool:
    """Compile every kernel of `backends`, default all that this CPU can run, or load it if cached.

    Each kernel is compiled for the types of `ntt.backends.contract`, and is never called with
    others. ``progress(backend, kernel, seconds)`` is called after each kernel. Returns whether any
    kernel was compiled. Raises `BackendError` for a backend that is unknown or that the CPU cannot
    run.
    """
    before = jit.compilations()
    modules = {name: select.source_module(name) for name in backends or select.available_backends()}
    multiply_modulo(np.ones(1, dtype=np.uint64), 1, 5)  # what tables are made with
    for name, module in modules.items():
        for kernel in KERNELS:
            start = time.perf_counter()
            jit.fix_types(getattr(module, kernel), argument_types(kernel))
            getattr(select.backend_module(name), kernel)  # its machine code is kept by that
            if progress is not None:
                progress(name, kernel, time.perf_counter() - start)
    return jit.compilations() > before
