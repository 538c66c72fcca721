"""Packages whose names load their modules on demand."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ntt", "he", "nn", "rtl")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name__is_what_type_checkers_see(package: str) -> None:
    """The imports under `TYPE_CHECKING` and the table of names say the same."""
    loaded = importlib.import_module(package)
    source = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    seen = {
        alias.name: node.module
        for node in imports
        for alias in node.names
        if node.module and node.module.split(".")[0] == package and node.module != "ntt.lazy"
    }
    assert set(seen) == set(loaded.__all__)
    for name, module in seen.items():
        holder = importlib.import_module(str(module))
        assert getattr(loaded, name) is getattr(holder, name), name
    assert set(loaded.__all__) <= set(dir(loaded))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = loaded.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_import__of_a_package_loads_no_compiler_and_no_array_library(package: str) -> None:
    program = f"import sys, {package}; print(*{{'numba', 'numpy', 'scipy'}} & set(sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""
