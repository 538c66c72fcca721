"""The public door of rtl: its example, its names, its cost."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

import rtl


def test_example__runs_as_written():
    result = doctest.testmod(rtl)
    assert result.attempted == 5
    assert result.failed == 0


@pytest.mark.parametrize("name", rtl.__all__)
def test_names__are_there(name):
    assert getattr(rtl, name).__name__ == name
    assert name in dir(rtl)


def test_unknown_name__is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        rtl.nothing  # noqa: B018


def test_import__loads_no_hardware_tool():
    code = "import sys, rtl, rtl.cli.main; print(*{'amaranth', 'pyosys'} & set(sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""
