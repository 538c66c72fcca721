"""Progress: lines where there is no terminal, bars where there is one, nothing when disabled."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from nn.terminal.progress import count_progress, stage_progress
from tests.hostile_names import HOSTILE, unprintable_lines

NAMES = ["conv", "square", "a longer name"]


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


def run_stages(images: int, enabled: bool = True) -> None:
    with stage_progress(NAMES, images, enabled) as progress:
        for level, name in zip((2, 1, 0), NAMES, strict=True):
            progress.start(name)
            threads = [threading.Thread(target=progress.advance) for _ in range(images)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            progress.done(level)


def open_terminal(patch: pytest.MonkeyPatch) -> Terminal:
    """Standard error as a terminal; in the test's body, for pytest renews the stream before it."""
    stream = Terminal()
    patch.setattr(sys, "stderr", stream)
    patch.setenv("TERM", "xterm")
    patch.setenv("COLUMNS", "100")
    patch.delenv("NO_COLOR", raising=False)
    return stream


def test_stage_progress__lines(capsys: pytest.CaptureFixture[str]) -> None:
    run_stages(3)
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert [line.split("  ")[0] for line in lines] == NAMES
    assert [line.split()[-2:] for line in lines] == [["level", str(k)] for k in (2, 1, 0)]
    assert all("3 images" in line and " s " in line for line in lines)


def test_stage_progress__one_image_is_singular(capsys: pytest.CaptureFixture[str]) -> None:
    run_stages(1)
    assert "1 image " in capsys.readouterr().err


def test_stage_progress__bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    run_stages(4)
    last = terminal.getvalue().split("\x1b[2K")[-1]
    assert last.count("4/4") == 3
    assert all(name in last for name in NAMES)
    assert all(f"level {level}" in last for level in (2, 1, 0))


def test_stage_progress__bars_of_later_stages_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with stage_progress(NAMES, 5) as progress:
        progress.start("conv")
        progress.advance()
    assert terminal.getvalue().count("0/5") >= 2


def test_stage_progress__disabled_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stages(2, enabled=False)
    assert capsys.readouterr().err == ""
    terminal = open_terminal(monkeypatch)
    run_stages(2, enabled=False)
    assert terminal.getvalue() == ""


def test_stage_progress__an_error_passes_and_gives_the_cursor_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = open_terminal(monkeypatch)

    def fail() -> None:
        with stage_progress(NAMES, 2) as progress:
            progress.start("conv")
            raise RuntimeError("told")

    with pytest.raises(RuntimeError, match="told"):
        fail()
    assert "\x1b[?25h" in terminal.getvalue()


def test_count_progress__last_line_is_always_there(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("images", 6) as progress:
        for _ in range(3):
            progress.advance(2)
    assert capsys.readouterr().err.startswith("images 6/6 ")


def test_count_progress__bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with count_progress("images", 6) as progress:
        progress.advance(2)
        progress.advance(4)
    assert "6/6" in terminal.getvalue()


def test_count_progress__disabled_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("images", 6, enabled=False) as progress:
        progress.advance(6)
    assert capsys.readouterr().err == ""


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed()])
def test_progress__without_a_standard_error(
    stream: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a program without a console, whose library calls show progress."""
    monkeypatch.setattr(sys, "stderr", stream)
    run_stages(2)
    with count_progress("images", 6) as progress:
        progress.advance(6)
    assert capsys.readouterr().out == ""


def test_progress__hostile_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> None:
        with stage_progress([HOSTILE], 1) as stages:
            stages.start(HOSTILE)
            stages.done(1)
        with count_progress(HOSTILE, 1) as count:
            count.advance(1)

    run()
    assert unprintable_lines(capsys.readouterr().err) == []
    terminal = open_terminal(monkeypatch)
    run()
    shown = terminal.getvalue()
    assert HOSTILE[:5] not in shown
    assert "\\x1b[31m[bold red]:smile:" in shown


class Told:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def start(self, stage: str) -> None:
        self.calls.append(("start", stage))

    def advance(self) -> None:
        self.calls.append(("advance",))

    def done(self, level: int) -> None:
        self.calls.append(("done", level))


def test_stage_progress__of_the_caller_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    with stage_progress(NAMES, 1, told) as progress:
        assert progress is told
        progress.start("conv")
        progress.advance()
        progress.done(2)
    assert told.calls == [("start", "conv"), ("advance",), ("done", 2)]
    assert capsys.readouterr() == ("", "")
