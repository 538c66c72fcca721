"""What a command shows while it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ntt.terminal import printable, say


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show the text beside a spinner and the elapsed time; without a terminal, print it.

    The context is a function that replaces the text.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        say(text)
        yield say
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(printable(text))
        yield lambda words: bar.update(task, description=printable(words))
