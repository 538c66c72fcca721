"""The public doors of he: their names, their cost."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import he


@pytest.mark.parametrize("name", ["he", "he.bfv", "he.ckks", "he.trace", "he.interop.seal"])
def test_packages__say_what_is_public(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__
    assert sorted(set(package.__all__)) == sorted(package.__all__)
    assert all(hasattr(package, public) for public in package.__all__)


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
