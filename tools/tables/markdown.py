"""Markdown: tables, commands, and the blocks of a page that are written by code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_RULES = {"l": "---", "r": "---:"}


class MissingBlockError(ValueError):
    """A page lacks the two markers of a block, or has them twice."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """A table; `alignment` has one letter a column: `l` for left, `r` for right."""
    lines = [head, [_RULES[letter] for letter in alignment], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def commands(lines: Iterable[str]) -> str:
    """Shell commands as a code block."""
    return "```sh\n" + "\n".join(lines) + "\n```\n"


def block_of(page: str, name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- end of name -->`.

    Raises `MissingBlockError` unless the page has each marker once, in this order.
    """
    opening, closing = _markers(name)
    before, found, rest = page.partition(opening)
    block, ended, after = rest.partition(closing)
    if not found or not ended or opening in rest or closing in before + after:
        raise MissingBlockError(f"`{opening.strip()}` and `{closing}` must stand here once each")
    return block


def with_block(page: str, name: str, content: str) -> str:
    """The page with `content` between the block's markers; raises `MissingBlockError`."""
    opening, closing = _markers(name)
    old = f"{opening}{block_of(page, name)}{closing}"
    return page.replace(old, f"{opening}{content}{closing}")


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->\n", f"<!-- end of {name} -->"
