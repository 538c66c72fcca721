"""Consoles and tables of Rich, which is imported when the first of them is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ntt.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH = 110
"""The number of columns where the output is no terminal."""


def make_console() -> Console:
    """A console on standard output that takes text as it is: brackets and colons are no markup."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, markup=False, emoji=False, width=_WIDTH)


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
    """Printable lines of a name and its text; a blank name continues the line before."""
    cells = [(printable(name), printable(text)) for name, text in rows]
    width = max(len(name) for name, _ in cells) + 2
    return "\n".join(f"{name:<{width}}{text}" for name, text in cells)
