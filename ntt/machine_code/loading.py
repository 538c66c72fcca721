"""Python functions made of machine code, by LLVM's linker for running processes alone.

The memory of the code stays for as long as the process runs.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntt.machine_code.files import MachineCode

ENTRY = "he_accel_entry"
"""The name of the function that Python calls."""

OWN = (np.ndarray, np.int64, np.uint64, int, float, tuple, TypeError, SystemError, None)
"""The objects that an entry compares with, raises and returns: its ``self``."""

UNREACHED = frozenset(
    {
        "NRT_Free",
        "NRT_MemInfo_call_dtor",
        "NRT_adapt_ndarray_from_python",
        "numba_do_raise",
        "numba_gil_ensure",
        "numba_gil_release",
        "numba_runtime_build_excinfo_struct",
        "numba_unpickle",
    }
)
"""What objects of Numba refer to, and kernels that raise and allocate nothing do not call."""

_FASTCALL = 0x80
_kept_alive: list[object] = []
# Free while a child is forked, which would otherwise find it taken for ever.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class UnresolvedError(LookupError):
    """Machine code needs a function that this process does not have."""


class _Definition(ctypes.Structure):
    """CPython's `PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


def function(name: str, code: MachineCode) -> Callable[..., Any]:
    """The function `name` of machine code; raises `UnresolvedError`."""
    with _lock:
        engine = _engine()  # with which LLVM looks for names in this process
        _resolve(code.undefined)
        for block in code.objects:
            engine.add_object_file(_binding().ObjectFileRef.from_data(block))
        engine.finalize_object()
        address = engine.get_function_address(ENTRY)
        definition = _Definition(name.encode(), address, _FASTCALL, None)
        _kept_alive.extend((engine, definition))
        made: Callable[..., Any] = _new_function()(ctypes.addressof(definition), OWN, None)
        return made


def compiled(assembly: str, names: Sequence[str], undefined: Sequence[str]) -> list[int]:
    """The addresses of functions, from LLVM's assembly language that needs the names `undefined`.

    Raises `UnresolvedError`.
    """
    with _lock:
        engine = _engine(assembly)
        _resolve(undefined)
        engine.finalize_object()
        # Threads may run them until the very end of the process.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
        return [engine.get_function_address(name) for name in names]


def _resolve(undefined: Sequence[str]) -> None:
    """Give every undefined name an address: LLVM ends the process where one has none."""
    binding = _binding()
    for name in undefined:
        if binding.address_of_symbol(name) is None:
            if name not in UNREACHED:
                raise UnresolvedError(f"this process has no function {name!r}")
            binding.add_symbol(name, binding.address_of_symbol("abort"))


def _engine(assembly: str = "") -> Any:
    binding = _binding()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(reloc="static", jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(assembly), machine)


@functools.cache
def _binding() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def _new_function() -> Any:
    """CPython's `PyCFunction_NewEx`."""
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make
