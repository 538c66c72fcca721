"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.test_doors import SOURCES, module_name

EXAMPLES = {
    module_name(path): count
    for path in SOURCES
    if (count := path.read_text(encoding="utf-8").count(">>> "))
}


def test_doctests__are_found() -> None:
    assert {"ntt", "he", "he.bfv"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_doctests__run_as_written(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.attempted == EXAMPLES[name]
    assert result.failed == 0
