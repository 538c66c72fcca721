"""Which backend runs: the fastest that the CPU, the primes and N allow, unless overridden.

Override with the environment variable ``HE_ACCEL_BACKEND`` (``auto`` or a backend's name; read when
first needed, and again after ``set_backend(None)``) or with `set_backend`. The backends give the
same bits; only the speed differs.
"""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType

from ntt.errors import BackendError

ENVIRONMENT_VARIABLE = "HE_ACCEL_BACKEND"
AUTO = "auto"
# Fastest first. A module is imported only on a CPU that has its features.
_CPU_FEATURES: dict[str, tuple[str, ...]] = {
    "ifma": ("avx512f", "avx512ifma"),
    "fma": ("fma",),
    "scalar": (),
}

# What every backend module defines, with the same arguments.
KERNELS = (
    "forward",
    "inverse",
    "add",
    "subtract",
    "negate",
    "multiply",
    "multiply_add",
    "multiply_scalar",
    "add_scalar",
    "tensor",
    "gadget_product",
    "diagonal_product",
    "convert",
    "convert_forward",
    "divide",
)

_chosen: str | None = None


@functools.cache
def cpu_features() -> frozenset[str]:
    """The features that compiled kernels may use, in LLVM's names."""
    from llvmlite import binding
    from numba import config

    if config.CPU_FEATURES is not None:
        enabled = config.CPU_FEATURES.split(",")
        return frozenset(name[1:] for name in enabled if name.startswith("+"))
    if config.CPU_NAME not in (None, "host"):
        return frozenset()
    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)


def available_backends() -> tuple[str, ...]:
    """The backends that this CPU can run, fastest first."""
    return tuple(
        name for name, needed in _CPU_FEATURES.items() if cpu_features().issuperset(needed)
    )


def set_backend(name: str | None) -> None:
    """Use backend `name` from now on; ``"auto"`` chooses, None returns to the environment's choice.

    Raises `BackendError` for an unknown backend or one that the CPU lacks.
    """
    global _chosen
    _default_backend.cache_clear()
    _chosen = None if name is None else _checked(name, "backend")


def get_backend() -> str:
    """The choice in force: ``"auto"`` or a backend's name."""
    if _chosen is not None:
        return _chosen
    return _default_backend()


@functools.cache
def _default_backend() -> str:
    name = os.environ.get(ENVIRONMENT_VARIABLE) or AUTO
    return _checked(name, f"environment variable {ENVIRONMENT_VARIABLE}")


def backend_for(N: int, modulus_bits: int) -> ModuleType:
    """The backend module for ring degree N and moduli of at most `modulus_bits` bits.

    Raises `BackendError` when a backend was asked for by name and cannot hold them.
    """
    choice = get_backend()
    if choice != AUTO:
        module = backend_module(choice)
        if not _holds(module, N, modulus_bits):
            raise BackendError(
                f"backend {choice!r} needs moduli of at most {module.MAX_MODULUS_BITS} bits and "
                f"N >= {module.MIN_RING_DEGREE}, not {modulus_bits} bits and N = {N}: "
                f"use backend 'scalar' or 'auto'"
            )
        return module
    for name in available_backends():
        module = backend_module(name)
        if _holds(module, N, modulus_bits):
            return module
    raise BackendError(f"no backend holds moduli of {modulus_bits} bits at N = {N}")


@functools.cache
def backend_module(name: str) -> ModuleType:
    """The module of a backend that the CPU has."""
    return importlib.import_module(f"ntt.backends.{name}")


def checked_module(name: str) -> ModuleType:
    """`backend_module`, after a check; raises `BackendError` if unknown or the CPU lacks it."""
    if name == AUTO:
        raise BackendError(f"name a backend: {', '.join(available_backends())}")
    return backend_module(_checked(name, "backend"))


def _holds(module: ModuleType, N: int, modulus_bits: int) -> bool:
    return bool(modulus_bits <= module.MAX_MODULUS_BITS and N >= module.MIN_RING_DEGREE)


def _checked(name: str, source: str) -> str:
    if name == AUTO:
        return name
    if name not in _CPU_FEATURES:
        known = ", ".join((AUTO, *_CPU_FEATURES))
        raise BackendError(f"{source} names {name!r}: the backends are {known}")
    missing = set(_CPU_FEATURES[name]) - cpu_features()
    if missing:
        raise BackendError(
            f"{source} names {name!r}, but this CPU lacks {', '.join(sorted(missing))}; "
            f"it can run {', '.join(available_backends())}"
        )
    return name
