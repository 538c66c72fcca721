"""Which backend runs: the fastest that the CPU, the primes and N allow, unless overridden.

Override with the environment variable ``HE_ACCEL_BACKEND`` (read when first needed, and again after
``set_backend(None)``) or with `set_backend`: ``auto``, a backend's name, or several names with
commas, of which each set of primes takes the first that holds it: ``fma,scalar`` is `fma` where all
primes are below 2^50 and `scalar` elsewhere. The backends give the same bits; only the speed
differs.
"""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType

from ntt.cpu import cpu_features
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
    "hoisted_product",
    "convert",
    "convert_forward",
    "convert_digits",
    "divide",
    "hoisted_quotients",
)

_chosen: str | None = None


def available_backends() -> tuple[str, ...]:
    """The backends that this CPU can run, fastest first."""
    return tuple(
        name for name, needed in _CPU_FEATURES.items() if cpu_features().issuperset(needed)
    )


def set_backend(name: str | None) -> None:
    """Use backend `name` from now on; ``"auto"`` chooses, None returns to the environment's choice.

    Several names with commas are tried in their order. Raises `BackendError` for an unknown backend
    or one that the CPU lacks.
    """
    global _chosen
    _default_backend.cache_clear()
    _chosen = None if name is None else _checked(name, "backend")


def get_backend() -> str:
    """The choice in force: ``"auto"``, a backend's name, or several with commas between them."""
    if _chosen is not None:
        return _chosen
    return _default_backend()


@functools.cache
def _default_backend() -> str:
    name = os.environ.get(ENVIRONMENT_VARIABLE) or AUTO
    return _checked(name, f"environment variable {ENVIRONMENT_VARIABLE}")


def backend_for(N: int, modulus_bits: int) -> ModuleType:
    """The backend module for ring degree N and moduli of at most `modulus_bits` bits.

    Raises `BackendError` when backends were asked for by name and none of them can hold them.
    """
    choice = get_backend()
    names = available_backends() if choice == AUTO else tuple(choice.split(","))
    limits = []
    for name in names:
        module = backend_module(name)
        if modulus_bits <= module.MAX_MODULUS_BITS and module.MIN_RING_DEGREE <= N:
            return module
        limits.append(
            f"backend {name!r} needs moduli of at most {module.MAX_MODULUS_BITS} bits and "
            f"N >= {module.MIN_RING_DEGREE}"
        )
    raise BackendError(
        f"{'; '.join(limits)}, not {modulus_bits} bits and N = {N}: use backend 'auto', or name "
        f"what computes the rest, as in 'fma,scalar'"
    )


@functools.cache
def backend_module(name: str) -> ModuleType:
    """The module of a backend that the CPU has."""
    return importlib.import_module(f"ntt.backends.{name}")


def checked_module(name: str) -> ModuleType:
    """`backend_module`, after a check; raises `BackendError` if unknown or the CPU lacks it."""
    if name == AUTO or "," in name:
        raise BackendError(f"name one backend, not {name!r}: {', '.join(available_backends())}")
    return backend_module(_checked(name, "backend"))


def _checked(choice: str, source: str) -> str:
    """`choice` with each name once; raises `BackendError` for a name that cannot be used."""
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
