"""The tables of README.md and docs/ are those of the committed results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.tables.pages import PAGES, stale_blocks, written

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("page", PAGES)
def test_pages__hold_what_the_command_writes(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert list(stale_blocks(text, PAGES[page])) == [], "run `python tools/tables`"


def test_pages__an_old_table_is_stale_and_written_anew() -> None:
    blocks = {"one": lambda: "1\n", "two": lambda: "2\n"}
    page = "a\n<!-- one -->\n1\n<!-- end of one -->\nb\n<!-- two -->\nold\n<!-- end of two -->\n"
    assert list(stale_blocks(page, blocks)) == ["two"]
    assert written(page, blocks) == page.replace("old", "2")
    assert list(stale_blocks(written(page, blocks), blocks)) == []
