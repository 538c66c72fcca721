"""Kernels by the name of their module, which is imported only if a kernel must be compiled.

A module of kernels imports Numba, and Numba's import takes longer than an encrypted image. Kept
machine code (`ntt.machine_code`) runs without Numba and without the module. Where there is none,
Numba compiles the kernel, or loads it from its own cache, and its machine code is kept for the next
process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntt.lazy import LazyModule
from ntt.machine_code import files, loading


class KernelModule:
    """A module of kernels, each of which is an attribute.

    A kernel runs for the argument types that it was once compiled for, in this process or in an
    earlier one. For other types it is compiled when it is called.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Kernel:
        """Called for a name that this object does not have yet, so once for each."""
        if name.startswith("_"):
            raise AttributeError(f"module {self._module!r} has no kernel {name!r}")
        kernel = Kernel(self._module, name)
        setattr(self, name, kernel)
        return kernel


class Kernel:
    """One kernel of a module."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._kept: list[Callable[..., Any]] | None = None
        self._run: Callable[..., Any] = _refuse

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self._run(*arguments)
        except (TypeError, OverflowError):  # not for arguments of these types
            return self._other(*arguments)

    def _other(self, *arguments: Any) -> Any:
        """Run what takes the arguments, and from now on try it first."""
        if self._kept is None:
            self._kept = kept_kernels(self._module, self._name)
        for kept in self._kept:
            try:
                result = kept(*arguments)
            except (TypeError, OverflowError):
                continue
            self._run = kept
            return result
        compiled = getattr(LazyModule(self._module), self._name)
        known = len(compiled.overloads)
        result = compiled(*arguments)
        if len(compiled.overloads) > known:
            from ntt.machine_code.making import keep_machine_code

            keep_machine_code(compiled, self._module, self._name)
        self._run = compiled
        return result


def fixed_kernel(
    module: str, name: str, argument_types: Callable[[str], tuple[Any, ...]]
) -> Callable[..., Any]:
    """A kernel of a module for fixed argument types, and for no others.

    argument_types: gives the Numba types of the arguments of a kernel. Arguments of other types are
    converted as `ntt.jit.fix_types` says, or raise `TypeError`.
    """
    for kept in kept_kernels(module, name, files.FIXED):
        return kept
    from ntt.jit import fix_types
    from ntt.machine_code.making import keep_machine_code

    compiled: Any = getattr(LazyModule(module), name)
    types = argument_types(name)
    fix_types(compiled, types)
    keep_machine_code(compiled, module, name, fixed=types)
    # What was kept can also be shared among threads (`ntt.machine_code.sharing`).
    kept_now = kept_kernels(module, name, files.FIXED)
    return kept_now[0] if kept_now else compiled


def kept_kernels(module: str, name: str, types: str | None = None) -> list[Callable[..., Any]]:
    """The functions of the machine code that is kept for a kernel of a module.

    types: as for `ntt.machine_code.files.find`.
    """
    found = []
    for code in files.find(module, name, types):
        try:
            found.append(loading.function(name, code))
        except loading.UnresolvedError:
            continue
    return found


def _refuse(*_: Any) -> Any:
    raise TypeError
