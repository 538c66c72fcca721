"""The documentation's pictures and tables are the code's own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from rtl.characterize import results
from rtl.documents.page import BEGIN, END, pictures, with_tables
from rtl.errors import OutputError

ROOT = Path(__file__).resolve().parents[3]
MEASUREMENTS = ROOT / "rtl" / "results" / "measurements.json"
UPDATE = "run `python -m rtl tables --page docs/rtl.md`"


def test_page__holds_the_tables_of_the_committed_measurements():
    page = (ROOT / "docs" / "rtl.md").read_text()
    assert with_tables(page, results.load(MEASUREMENTS)) == page, UPDATE


def test_pictures__are_what_the_code_draws():
    drawn = pictures()
    for name, picture in drawn.items():
        ElementTree.fromstring(picture)
        assert (ROOT / "docs" / "pictures" / name).read_text() == picture, UPDATE
    assert "cycle 30" in drawn["ntt-unit.svg"]
    assert drawn["ntt-schedule.svg"].count('fill="none"') == 5 * 8 * 2


def test_page__without_its_markers_is_refused():
    assert with_tables(f"a {BEGIN} old {END} b", []) == f"a {BEGIN}\n\n\n\n{END} b"
    with pytest.raises(OutputError, match="once each"):
        with_tables("no markers", [])
