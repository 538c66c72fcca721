"""Keeping the machine code of a kernel that Numba has compiled. This module needs Numba."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ntt.kept_files import file_stamp, helpers_stamp
from ntt.kernel_cache import KernelCache
from ntt.machine_code.entry import RESHAPE, UnknownTypeError, entry_object
from ntt.machine_code.files import FIXED, MachineCode, keep
from ntt.machine_code.loading import UNREACHED

_ELF64 = b"\x7fELF\x02\x01"
_SECTION_TABLE, _SECTION_SIZES = 40, 58
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMBOL_TABLE = 2


def keep_machine_code(
    compiled: Any, module: str, kernel: str, fixed: tuple[Any, ...] | None = None
) -> None:
    """Keep the machine code of a kernel (Numba's dispatcher) for `ntt.kernels`.

    fixed: the only argument types to keep it for, with integers of any type that fit; None for all
    types that it was compiled for, with integers of exactly these.

    Nothing is kept of a kernel that is not in Numba's cache, that takes or returns other types than
    entries know, that allocates memory, or on a system without ELF. Nor where a source file changed
    since this process imported it: the code would stand under the stamps of another source.
    """
    if not isinstance(compiled._cache, KernelCache) or not compiled._cache.is_of_sources():
        return
    function = compiled.py_func
    for arguments, result in compiled.overloads.items():
        if fixed not in (None, arguments):
            continue
        kernel_object = compiled._cache.object_code(arguments, result)
        if kernel_object is None or not kernel_object.startswith(_ELF64):
            continue
        # Another process that compiled the kernel at the same time gave it another name.
        if f"{result.fndesc.llvm_func_name}\0".encode() not in kernel_object:
            continue
        undefined = set(_undefined(kernel_object)) - {RESHAPE}
        numbas = {name for name in undefined if name.startswith(("NRT_", "numba_"))}
        if not numbas <= UNREACHED:
            continue
        try:
            entry = entry_object(result, strict=fixed is None)
        except UnknownTypeError:
            continue
        names = {*undefined, *_undefined(entry)} - {result.fndesc.llvm_func_name}
        own = file_stamp(function.__module__, Path(function.__code__.co_filename))
        helpers = (own, *helpers_stamp(function))
        code = MachineCode(helpers, tuple(sorted(names)), (kernel_object, entry))
        keep(module, kernel, str(arguments) if fixed is None else FIXED, code)


def _undefined(code: bytes) -> Iterator[str]:
    """The names that an object of 64-bit little-endian ELF does not define."""
    (table,) = struct.unpack_from("<Q", code, _SECTION_TABLE)
    size, count = struct.unpack_from("<HH", code, _SECTION_SIZES)
    sections = [_SECTION.unpack_from(code, table + k * size) for k in range(count)]
    for _, kind, _, _, start, length, link, _, _, _ in sections:
        if kind != _SYMBOL_TABLE:
            continue
        names = sections[link][4]
        for place in range(start, start + length, _SYMBOL.size):
            offset, _, _, section, _, _ = _SYMBOL.unpack_from(code, place)
            if section == 0 and offset:
                begin = names + offset
                yield code[begin : code.index(b"\0", begin)].decode()
