"""What the CPU can do, as far as compiled kernels may use it."""

from __future__ import annotations

import functools

from llvmlite import binding
from numba import config


@functools.cache
def cpu_features() -> frozenset[str]:
    """The features of the CPU that Numba compiles for, in LLVM's names, such as ``avx512ifma``.

    For the CPU of this machine they are the features that LLVM finds; for another CPU
    (``NUMBA_CPU_NAME``) only those that ``NUMBA_CPU_FEATURES`` turns on.
    """
    if config.CPU_FEATURES is not None:
        enabled = config.CPU_FEATURES.split(",")
        return frozenset(name[1:] for name in enabled if name.startswith("+"))
    if config.CPU_NAME not in (None, "host"):
        return frozenset()
    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)
