"""The public door of he: its example, its names, its cost."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import pytest

import he


def test_example__runs_as_written() -> None:
    result = doctest.testmod(importlib.import_module("he"))
    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.parametrize("name", he.__all__)
def test_names__are_there(name: str) -> None:
    assert getattr(he, name).__name__ == name
    assert name in dir(he)


def test_unknown_name__is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        he.nothing  # noqa: B018


def test_import__loads_no_kernels() -> None:
    code = "import sys, he, he.errors, he.rlwe.security; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
