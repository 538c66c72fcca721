"""``import nn`` stays light: what it takes is mostly Numba's and SciPy's own import."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "matplotlib", "rich", "PIL", "galois")


def loaded_after(statement: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after `statement`."""
    program = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_import__loads_no_optional_or_heavy_package() -> None:
    assert loaded_after("import nn") & set(HEAVY) == set()


def test_import__the_command_line_neither() -> None:
    assert loaded_after("import nn.cli.main") & set(HEAVY) == set()
