"""Which backend computes: the fastest that the CPU, the primes and N allow, unless told otherwise.

`set_backend`, or the environment variable ``HE_ACCEL_BACKEND`` (read when it is first needed, and
again after ``set_backend(None)``), names another choice: ``auto``, one backend, or several backends
with commas between them. Of several, each set of primes takes the first that can hold it. So
``fma,scalar`` is `fma` where all primes are below 2^50, and `scalar` elsewhere. All backends give
the same bits and differ in speed alone.
"""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType
from typing import Any, cast

from ntt.backends.contract import KERNELS, Backend, argument_types
from ntt.cpu import cpu_features
from ntt.errors import BackendError
from ntt.kernels import fixed_kernel

ENVIRONMENT_VARIABLE = "HE_ACCEL_BACKEND"
AUTO = "auto"
# The fastest first. A module is imported only on a CPU that has its features.
_CPU_FEATURES: dict[str, tuple[str, ...]] = {
    "ifma": ("avx512f", "avx512ifma"),
    "fma": ("fma",),
    "scalar": (),
}

_chosen: str | None = None


def available_backends() -> tuple[str, ...]:
    """The names of the backends that this CPU can run, the fastest first."""
    return tuple(
        name for name, needed in _CPU_FEATURES.items() if cpu_features().issuperset(needed)
    )


def set_backend(name: str | None) -> None:
    """Use backend `name` from now on; None returns to the choice of the environment.

    name: ``"auto"`` for the fastest, or one or several names with commas between them. Raises
    `BackendError` for a backend that is unknown or that the CPU cannot run.
    """
    global _chosen
    _default_backend.cache_clear()
    _chosen = None if name is None else _check_choice(name, "backend")


def get_backend() -> str:
    """The choice in force: ``"auto"``, or one or several names with commas between them."""
    if _chosen is not None:
        return _chosen
    return _default_backend()


@functools.cache
def _default_backend() -> str:
    name = os.environ.get(ENVIRONMENT_VARIABLE) or AUTO
    return _check_choice(name, f"environment variable {ENVIRONMENT_VARIABLE}")


def backend_for(N: int, modulus_bits: int) -> Backend:
    """The backend in force for ring degree N and moduli of at most `modulus_bits` bits.

    Raises `BackendError` if the choice in force names backends and none of them can hold these.
    """
    choice = get_backend()
    names = available_backends() if choice == AUTO else tuple(choice.split(","))
    limits = []
    for name in names:
        backend = backend_module(name)
        if modulus_bits <= backend.MAX_MODULUS_BITS and backend.MIN_RING_DEGREE <= N:
            return backend
        limits.append(
            f"backend {name!r} needs moduli of at most {backend.MAX_MODULUS_BITS} bits and "
            f"N >= {backend.MIN_RING_DEGREE}"
        )
    raise BackendError(
        f"{'; '.join(limits)}, not {modulus_bits} bits and N = {N}: use backend 'auto', or name "
        f"what computes the rest, as in 'fma,scalar'"
    )


def backend_module(name: str) -> Backend:
    """The backend called `name`; each of its kernels is compiled when it is first read.

    Raises `BackendError` for a backend that is unknown or that the CPU cannot run.
    """
    return _typed(source_module(name))


def source_module(name: str) -> ModuleType:
    """The module of the backend called `name`, without compiling a kernel.

    Raises `BackendError` as `backend_module` does.
    """
    if name == AUTO or "," in name:
        raise BackendError(f"name one backend, not {name!r}: {', '.join(available_backends())}")
    return importlib.import_module(f"ntt.backends.{_check_choice(name, 'backend')}")


@functools.cache
def _typed(module: ModuleType) -> Backend:
    return cast(Backend, _TypedKernels(module))


class _TypedKernels:
    """A module whose kernels are compiled for the types of the contract and for no others."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Called for a name that this object does not have yet, so once for each."""
        if name in KERNELS:
            value = fixed_kernel(self._module.__name__, name, argument_types)
        else:
            value = getattr(self._module, name)
        setattr(self, name, value)
        return value


def _check_choice(choice: str, source: str) -> str:
    """`choice` with each name once; raises `BackendError` for a name that cannot be used.

    source: where the choice comes from, for the message.
    """
    if choice == AUTO:
        return choice
    names = dict.fromkeys(name.strip() for name in choice.split(","))
    for name in names:
        _check_name(name, source)
    return ",".join(names)


def _check_name(name: str, source: str) -> None:
    if name == AUTO:
        raise BackendError(f"{source} names {AUTO!r} among others: it stands alone")
    if name not in _CPU_FEATURES:
        known = ", ".join((AUTO, *_CPU_FEATURES))
        raise BackendError(f"{source} names {name!r}: the backends are {known}")
    missing = set(_CPU_FEATURES[name]) - cpu_features()
    if missing:
        raise BackendError(
            f"{source} names {name!r}, but this CPU lacks {', '.join(sorted(missing))}; "
            f"it can run {', '.join(available_backends())}"
        )
