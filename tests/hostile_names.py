"""Names as an attacker chooses them, for the tests of what commands print and draw."""

from __future__ import annotations

HOSTILE = "\x1b[31m[bold red]:smile:<b>$\\x{\r\nforged\u202e\x9b"
"""Escapes, markup of Rich, HTML, TeX, a line of its own, and the other reading order.

It may stand in a file's name on Linux.
"""


def unprintable_lines(text: str) -> list[str]:
    """The lines of an output that a terminal would not only show."""
    return [line for line in text.split("\n") if not line.isprintable() or line == "forged"]
