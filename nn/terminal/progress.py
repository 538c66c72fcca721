"""How far a run is, on standard error: a bar per stage on a terminal, else a line per stage."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

_LINE_INTERVAL_S = 5.0
"""Between two lines of a count, where there is no terminal."""


class StageProgress(Protocol):
    """What `stage_progress` yields. `advance` may be called from several threads at once."""

    def start(self, stage: str) -> None:
        """The stage called `stage` begins."""

    def advance(self) -> None:
        """One more image has passed the stage."""

    def done(self, level: int) -> None:
        """The stage is over; its ciphertexts are at `level`."""


class CountProgress(Protocol):
    """What `count_progress` yields."""

    def advance(self, count: int) -> None:
        """So many more are done."""


@contextlib.contextmanager
def stage_progress(
    names: Sequence[str], images: int, enabled: bool = True
) -> Iterator[StageProgress]:
    """Show how `images` images pass the stages `names`, each once and in order.

    enabled: False shows nothing. Rich is imported on a terminal only.
    """
    if not enabled:
        yield _Silence()
    elif sys.stderr.isatty():
        from nn.terminal.progress_bars import stage_bars

        with stage_bars(names, images) as bars:
            yield bars
    else:
        yield _StageLines(names, images)


@contextlib.contextmanager
def count_progress(label: str, total: int, enabled: bool = True) -> Iterator[CountProgress]:
    """Show how far a count up to `total` is: "label 50/1000"."""
    if not enabled:
        yield _Silence()
    elif sys.stderr.isatty():
        from nn.terminal.progress_bars import count_bar

        with count_bar(label, total) as bar:
            yield bar
    else:
        yield _CountLines(label, total)


class _Silence:
    def start(self, stage: str) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass

    def done(self, level: int) -> None:
        pass


class _StageLines:
    def __init__(self, names: Sequence[str], images: int) -> None:
        self._width = max(map(len, names), default=0)
        self._images = f"{images} image" + ("" if images == 1 else "s")
        self._stage = ""
        self._begin = 0.0

    def start(self, stage: str) -> None:
        self._stage = stage
        self._begin = time.perf_counter()

    def advance(self) -> None:
        pass

    def done(self, level: int) -> None:
        seconds = time.perf_counter() - self._begin
        _line(f"{self._stage:<{self._width}}  {self._images}  {seconds:7.2f} s  level {level}")


class _CountLines:
    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._begin = self._said = time.perf_counter()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.perf_counter()
        if self._done < self._total and now - self._said < _LINE_INTERVAL_S:
            return
        self._said = now
        seconds = now - self._begin
        _line(f"{self._label} {self._done}/{self._total}  {seconds:.1f} s")


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
