"""What the CPU can do, as far as compiled kernels may use it."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path


@functools.cache
def cpu_features() -> frozenset[str]:
    """The features of the CPU that Numba compiles for, in LLVM's names, such as ``avx512ifma``.

    For the CPU of this machine they are the features that LLVM finds; for another CPU
    (``NUMBA_CPU_NAME``) only those that ``NUMBA_CPU_FEATURES`` turns on.
    """
    chosen = _setting("CPU_FEATURES")
    if chosen is not None:
        return frozenset(name[1:] for name in chosen.split(",") if name.startswith("+"))
    if _setting("CPU_NAME") not in (None, "host"):
        return frozenset()
    from llvmlite import binding

    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)


def float_lanes() -> int:
    """How many float64 fill a register: 8 with AVX-512, 4 elsewhere."""
    return 8 if "avx512f" in cpu_features() else 4


def _setting(name: str) -> str | None:
    """A setting of Numba, whose import takes long; its file of settings is left to Numba."""
    if "numba" in sys.modules or Path(".numba_config.yaml").exists():
        from numba import config

        found: str | None = getattr(config, name)
        return found
    return os.environ.get(f"NUMBA_{name}")
