"""Consoles and tables of Rich, which is imported when the first of them is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH = 110
"""The number of columns where the output is no terminal."""


def make_console() -> Console:
    """A console on standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def make_table(title: str, columns: Sequence[str], text_columns: int = 1) -> Table:
    """An empty table; the first `text_columns` columns align left, the others right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < text_columns else "right")
    return table


def amount(count: float, unit: str) -> str:
    """`count` with a decimal prefix: 30.9 MB."""
    for prefix in ("", "k", "M"):
        if abs(count) < 999.5:
            return f"{count:.3g} {prefix}{unit}"
        count /= 1000
    return f"{count:.3g} G{unit}"


def listing(rows: Sequence[tuple[str, str]]) -> str:
    """Lines of a name and its text; a blank name continues the line before."""
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{text}" for name, text in rows)
