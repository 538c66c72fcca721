"""Blocks of a page, tables and commands."""

from __future__ import annotations

import pytest

from tools.tables.markdown import MissingBlockError, block_of, commands, table, with_block

PAGE = "<!-- a -->\nold\n<!-- end of a -->\n<!-- a b -->\n<!-- end of a b -->\n"


def test_table__aligns_its_columns() -> None:
    assert table(["", "x"], [["a", "1"]], "lr") == "|  | x |\n| --- | ---: |\n| a | 1 |\n"


def test_commands__are_a_block() -> None:
    assert commands(["make", "make test"]) == "```sh\nmake\nmake test\n```\n"


def test_block__is_read_and_replaced() -> None:
    assert (block_of(PAGE, "a"), block_of(PAGE, "a b")) == ("old\n", "")
    assert with_block(PAGE, "a", "\\1 new\n") == PAGE.replace("old", "\\1 new")


@pytest.mark.parametrize(
    "page", ["", "<!-- a -->\n", "<!-- end of a --><!-- a -->\n", PAGE + PAGE], ids=repr
)
def test_block__missing_or_twice_is_refused(page: str) -> None:
    with pytest.raises(MissingBlockError, match="once each"):
        block_of(page, "a")
