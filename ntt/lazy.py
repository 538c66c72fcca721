"""Modules that are loaded when one of their names is first used. Standard library only."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that loads its modules on demand (PEP 562).

    modules: a module of the package, and the public names in it, with spaces between them; under
    "" stand the modules and subpackages that are public themselves. A name with a leading dot is
    that of a module beside the package. So an import of the package
    costs nothing, and its parts without kernels stay free of Numba.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = module_of[name]
        loaded = importlib.import_module(f".{module or name}", package)
        value = getattr(loaded, name) if module else loaded
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return load, names


class LazyModule:
    """A module by its whole name, which is imported when one of its attributes is first read."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Called for a name that this object does not have yet, so once for each."""
        value = getattr(importlib.import_module(self._module), name)
        setattr(self, name, value)
        return value
