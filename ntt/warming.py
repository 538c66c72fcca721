"""Compile every kernel before it is needed; `python -m ntt warm` on the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

from ntt import jit
from ntt.backends import select
from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.hoisting import HoistedOperands, KeyOperands, VectorMoves
from ntt.limbs import LimbOps
from ntt.modulus import find_primes
from ntt.tables import NTTTables

_N = 128  # the smallest ring degree of every backend

Progress = Callable[[str, str, float], None]


class _OpsOf(LimbOps):
    """`LimbOps` of a given backend, whichever is in force."""

    def __init__(self, module: ModuleType, tables: NTTTables) -> None:
        super().__init__(tables, tables.all_rows)
        self._fixed = module, tables.for_word(module.WORD_BITS)

    def _backend(self) -> tuple[ModuleType, np.ndarray]:
        return self._fixed


def is_warm(*backends: str) -> bool:
    """Whether every kernel of `backends` (default: those this CPU has) is in the cache."""
    return all(
        jit.is_cached(getattr(select.checked_module(name), kernel))
        for name in backends or select.available_backends()
        for kernel in select.KERNELS
    )


def warm(*backends: str, progress: Progress | None = None) -> bool:
    """Compile, or load from the cache, every kernel of `backends`; True if any was compiled.

    Default: the backends that this CPU has. `progress(backend, kernel, seconds)` is called after
    each kernel. Raises `BackendError` for a backend that is unknown or that the CPU lacks.
    """
    before = jit.compilations()
    modules = {
        name: select.checked_module(name) for name in backends or select.available_backends()
    }
    tables = NTTTables(_N, find_primes(45, _N, 2))
    for name, module in modules.items():
        for kernel, call in _calls(_OpsOf(module, tables)):
            start = time.perf_counter()
            call()
            if progress is not None:
                progress(name, kernel, time.perf_counter() - start)
    return jit.compilations() > before


def _calls(ops: LimbOps) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each kernel's name with a call on the types that it has in use."""
    pair, triple = np.zeros((2, 2, _N), dtype=np.uint64), np.zeros((3, 2, _N), dtype=np.uint64)
    a = pair[0]
    rows = np.arange(2)
    one = np.zeros(1, dtype=np.int64)
    factors = Scalars([1, 1], ops.moduli)
    change = BasisChange([[1, 1], [1, 1]], [0, 0], ops.moduli)
    digits = DigitChange([[0, 1]], [[[1], [1]]], [[0, 0]], ops.moduli)
    hoisted = HoistedOperands.of(
        [pair[None]],
        [rows],
        [VectorMoves.of(np.arange(_N))],
        [pair.reshape(2, _N // 8, -1, 8)],
        [np.array([0, 2])],
        [np.array([0, 0])],
    )
    quotients = KeyOperands.of([pair[None]], [rows], [VectorMoves.of(np.arange(_N))])
    division = LimbDivision(ops.moduli, 1)
    small = np.zeros(ops.quotient_words, dtype=np.uint64)
    memory = np.zeros(hoisted.scratch_words(1, 1, _N), dtype=np.uint64)
    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: ops.forward(a),
        "inverse": lambda: ops.inverse(a),
        "add": lambda: ops.add(a, a, a),
        "subtract": lambda: ops.subtract(a, a, a),
        "negate": lambda: ops.negate(a, a),
        "multiply": lambda: ops.multiply(a, a, a),
        "multiply_add": lambda: ops.multiply_add(a, a, a),
        "multiply_scalar": lambda: ops.multiply_scalar(a, a, factors),
        "add_scalar": lambda: ops.add_scalar(a, a, factors.values),
        "tensor": lambda: ops.tensor(triple, pair, pair),
        "gadget_product": lambda: ops.gadget_product(pair, pair, pair[None], rows),
        "diagonal_product": lambda: ops.diagonal_product(
            pair[None], pair[None], pair[:1], np.array([0, 1]), one
        ),
        "hoisted_product": lambda: ops.hoisted_product(
            pair[None, None], pair[None, :1], pair[None], hoisted, 0, memory
        ),
        "convert": lambda: ops.convert(a, pair[1], change),
        "convert_forward": lambda: ops.convert_forward(a, pair[1], change),
        "convert_digits": lambda: ops.convert_digits(pair[None, 0], a, pair[1], 0, digits),
        "divide": lambda: ops.divide(a, pair[1], pair[1], change, factors),
        "hoisted_quotients": lambda: ops.hoisted_quotients(
            pair[None, 0, :, None], pair[:1], a[:1], quotients, division, small, slice(0, 1)
        ),
    }
    for kernel in select.KERNELS:
        yield kernel, calls[kernel]
