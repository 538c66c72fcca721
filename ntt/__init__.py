"""Arithmetic modulo primes on arrays of residues: the negacyclic NTT and its companions.

This package knows no cryptography. Residues are uint64 arrays (.., limbs, N), in [0, q) for the
modulus q of each limb.

>>> import numpy as np, ntt
>>> tables = ntt.NTTTables(1024, ntt.find_primes(50, 1024, count=3))
>>> x = np.ones((3, 1024), dtype=np.uint64)
>>> bool((ntt.inverse(ntt.forward(x, tables), tables) == x).all())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names

if TYPE_CHECKING:
    from ntt.backends.select import available_backends, get_backend, set_backend
    from ntt.errors import (
        ArithmeticLayerError,
        BackendError,
        KernelCacheWarning,
        ModulusError,
        ResidueShapeError,
        RingDegreeError,
        SplitInterruptedError,
        ThreadCountError,
    )
    from ntt.modulus import Modulus, find_primes, find_primes_near, is_prime, primitive_root
    from ntt.tables import NTTTables
    from ntt.threads import get_threads, machine_threads, set_threads
    from ntt.transform import add, forward, inverse, multiply, multiply_scalar, negate, subtract
    from ntt.warming import is_warm, warm

__all__ = [
    "ArithmeticLayerError",
    "BackendError",
    "KernelCacheWarning",
    "Modulus",
    "ModulusError",
    "NTTTables",
    "ResidueShapeError",
    "RingDegreeError",
    "SplitInterruptedError",
    "ThreadCountError",
    "add",
    "available_backends",
    "find_primes",
    "find_primes_near",
    "forward",
    "get_backend",
    "get_threads",
    "inverse",
    "is_prime",
    "is_warm",
    "machine_threads",
    "multiply",
    "multiply_scalar",
    "negate",
    "primitive_root",
    "set_backend",
    "set_threads",
    "subtract",
    "warm",
]

# Modules are loaded when one of their names is first used: `ntt.lazy` says why.
__getattr__, __dir__ = lazy_names(
    "ntt",
    {
        "backends.select": "available_backends get_backend set_backend",
        "errors": (
            "ArithmeticLayerError BackendError KernelCacheWarning ModulusError "
            "ResidueShapeError RingDegreeError SplitInterruptedError ThreadCountError"
        ),
        "modulus": "Modulus find_primes find_primes_near is_prime primitive_root",
        "tables": "NTTTables",
        "threads": "get_threads machine_threads set_threads",
        "transform": "add forward inverse multiply multiply_scalar negate subtract",
        "warming": "is_warm warm",
    },
)
