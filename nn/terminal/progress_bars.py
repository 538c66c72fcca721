"""The bars of `nn.terminal.progress`, which Rich draws. Imported on a terminal only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.progress_bar import ProgressBar
from rich.text import Text

from ntt.terminal import printable


class _StillBar(BarColumn):
    """A bar that stays empty until its stage begins, and does not pulse."""

    def render(self, task: Task) -> ProgressBar:
        bar = super().render(task)
        bar.pulse = False
        return bar


class _Seconds(ProgressColumn):
    """The seconds since the stage began, or the seconds that the stage took."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        return Text("" if elapsed is None else f"{elapsed:8.2f} s", justify="right")


def _progress(last_column: str) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        _StillBar(bar_width=30),
        MofNCompleteColumn(),
        _Seconds(),
        TextColumn(last_column, style="cyan"),
        console=Console(stderr=True),
    )


class _StageBars:
    def __init__(self, progress: Progress, names: Sequence[str], images: int) -> None:
        self._progress = progress
        self._images = images
        self._tasks = {
            name: progress.add_task(printable(name), total=images, start=False, level="")
            for name in names
        }
        self._current: TaskID | None = None

    def start(self, stage: str) -> None:
        self._current = self._tasks[stage]
        self._progress.start_task(self._current)

    def advance(self) -> None:
        if self._current is not None:
            self._progress.advance(self._current)

    def done(self, level: int) -> None:
        if self._current is not None:
            self._progress.update(
                self._current, completed=self._images, level=f"level {level}", refresh=True
            )


class _CountBar:
    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(printable(label), total=total)

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)


@contextlib.contextmanager
def stage_bars(names: Sequence[str], images: int) -> Iterator[_StageBars]:
    """A bar for each stage, as `nn.terminal.progress.stage_progress` describes."""
    with _progress("{task.fields[level]}") as progress:
        yield _StageBars(progress, names, images)


@contextlib.contextmanager
def count_bar(label: str, total: int) -> Iterator[_CountBar]:
    """One bar, as `nn.terminal.progress.count_progress` describes."""
    with _progress("") as progress:
        yield _CountBar(progress, label, total)
