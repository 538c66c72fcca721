"""Commands and their terminal: printable names, lines, exit statuses. Standard library only.

It stands in `ntt` because this room is below all command lines. It knows no arithmetic.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import NoReturn, Self, TextIO

BAD_INPUT, INTERRUPTED, OUTPUT_CLOSED = 2, 130, 141
"""Exit statuses; the last two are those that a shell reports for SIGINT and SIGPIPE."""

_MOST = 1_000_000_000
_STANDARD_STREAMS = 3
_LINE_INTERVAL_S = 5.0
"""The least time between two lines of a count."""
_DRAWING_INTERVAL_S = 0.1
"""The least time between two drawings of a bar."""
_BAR_WIDTH = 30


def printable(text: object) -> str:
    """`str(text)` on one line; a character that is not printable becomes its escape, as in repr.

    A name from a file can so neither move the cursor, nor forge a line, nor turn the reading order.
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def drawable(text: object) -> str:
    """`printable(text)` for Matplotlib, which otherwise takes what is between dollars for TeX."""
    return printable(text).replace("$", r"\$")


def show(*lines: str) -> None:
    """Print each line on standard output, as `printable` makes it."""
    for line in lines:
        print(printable(line), flush=True)


def say(line: str) -> None:
    """Print a line on standard error, as `printable` makes it; a notice that fails is dropped."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:  # as print takes None for standard output
            print(printable(line), file=sys.stderr, flush=True)


class CountLines:
    """Says how many of `total` are done: "label 50/1000  7.1 s", not more often than every 5 s."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._begin = self._said = time.perf_counter()

    def advance(self, count: int) -> None:
        """`count` more are done."""
        self._done += count
        now = time.perf_counter()
        if self._done < self._total and now - self._said < _LINE_INTERVAL_S:
            return
        self._said = now
        say(f"{self._label} {self._done}/{self._total}  {now - self._begin:.1f} s")


class CountBar:
    """A bar of how many of `total` are done, within a ``with`` block: "label ####--- 4/7  2.1 s".

    It stands on standard error where that is a terminal; elsewhere nothing is written.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label = printable(label)
        self._total = total
        self._done = 0
        self._begin = time.perf_counter()
        self._drawn = -_DRAWING_INTERVAL_S
        self._shown = is_terminal(sys.stderr)

    def __enter__(self) -> Self:
        self._draw("")
        return self

    def __exit__(self, *_: object) -> None:
        self._draw("\n")

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""
        self._done += count
        if time.perf_counter() - self._drawn >= _DRAWING_INTERVAL_S:
            self._draw("")

    def _draw(self, end: str) -> None:
        if not self._shown:
            return
        self._drawn = time.perf_counter()
        filled = _BAR_WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        count = f"{self._done}/{self._total}  {self._drawn - self._begin:.1f} s"
        with contextlib.suppress(OSError, ValueError):
            print(f"\r{self._label} {bar} {count}", end=end, file=sys.stderr, flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; a program without a console may have no standard stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def positive(text: str) -> int:
    """The whole number from 1 to 10^9 that `text` stands for; for argparse."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    if number > _MOST:
        raise argparse.ArgumentTypeError(f"{text} is above {_MOST:,}")
    return number


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are printable; so are those of its subparsers."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and `message`, and raise `SystemExit` with status 2."""
        super().error(printable(message))


@contextlib.contextmanager
def one_line_interrupt() -> Iterator[None]:
    """A block that an interrupt from the keyboard ends in one line and exit status 130.

    A program's entry stands in it with its imports, which take longer than some commands. Raises
    `SystemExit`.
    """
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
        raise SystemExit(INTERRUPTED) from None


def run_command(command: Callable[[], int], *bad_input: type[Exception]) -> int:
    """Run a command to its end and return its exit status.

    That is what `command` returns. Bad input, which is any of `bad_input`, `OSError` and
    `MemoryError`, is one line on standard error and status 2. An interrupt from the keyboard is
    status 130. Where standard output has no reader any more, as in `| head -1`, the command ends
    in silence with status 141. Any other exception is a defect and passes.
    """
    named: tuple[type[Exception], ...] = (OSError, MemoryError, *bad_input)
    _open_standard_streams()
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        return OUTPUT_CLOSED
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except named as error:
        say(f"{type(error).__name__}: {' '.join(str(error).split())}")
        return BAD_INPUT
    finally:
        _drop_what_cannot_be_written()


def _open_standard_streams() -> None:
    """Let a standard stream that is missing or closed lead nowhere, and every stream take any text.

    Its file descriptor is taken too: otherwise the next file that is opened would get the
    descriptor, and with it what a library prints.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD_STREAMS:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_what_cannot_be_written() -> None:
    """Lead standard output nowhere if it takes no more: Python would try again when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
