"""The progress of a run on standard error: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from he.validation import truth_value
from ntt.terminal import CountLines, is_terminal, printable, say


@runtime_checkable
class StageProgress(Protocol):
    """What follows the stages of a run. `advance` may be called from several threads at once."""

    def start(self, stage: str) -> None:
        """The stage called `stage` begins."""

    def advance(self) -> None:
        """One more image is through the stage."""

    def done(self, level: int) -> None:
        """The stage is over; its ciphertexts are at `level`."""


class CountProgress(Protocol):
    """What `count_progress` yields."""

    def advance(self, count: int) -> None:
        """`count` more are done."""


@contextlib.contextmanager
def stage_progress(
    names: Sequence[str], images: int, enabled: bool | StageProgress = True
) -> Iterator[StageProgress]:
    """Show how `images` images pass the stages `names`, in order.

    On a terminal each stage has a bar, elsewhere a line. Rich is imported on a terminal only.
    enabled: False shows nothing, a `StageProgress` is told instead; raises `he.WrongObjectError`
    for anything else but True.
    """
    if isinstance(enabled, StageProgress):
        yield enabled
    elif not truth_value(enabled, "progress"):
        yield _Silence()
    elif is_terminal(sys.stderr):
        from nn.terminal.progress_bars import stage_bars

        with stage_bars(names, images) as bars:
            yield bars
    else:
        yield _StageLines(names, images)


@contextlib.contextmanager
def count_progress(label: str, total: int, enabled: bool = True) -> Iterator[CountProgress]:
    """Show a count up to `total`: "label 50/1000"; `enabled` as for `stage_progress`."""
    if not truth_value(enabled, "progress"):
        yield _Silence()
    elif is_terminal(sys.stderr):
        from nn.terminal.progress_bars import count_bar

        with count_bar(label, total) as bar:
            yield bar
    else:
        yield CountLines(label, total)


class _Silence:
    def start(self, stage: str) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass

    def done(self, level: int) -> None:
        pass


class _StageLines:
    def __init__(self, names: Sequence[str], images: int) -> None:
        self._width = max((len(printable(name)) for name in names), default=0)
        self._images = f"{images} image" + ("" if images == 1 else "s")
        self._stage = ""
        self._begin = 0.0

    def start(self, stage: str) -> None:
        self._stage = printable(stage)
        self._begin = time.perf_counter()

    def advance(self) -> None:
        pass

    def done(self, level: int) -> None:
        seconds = time.perf_counter() - self._begin
        say(f"{self._stage:<{self._width}}  {self._images}  {seconds:7.2f} s  level {level}")
