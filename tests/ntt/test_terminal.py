"""How commands meet their terminal: what they print of names, and how they end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntt.terminal import (
    CommandParser,
    CountBar,
    CountLines,
    drawable,
    printable,
    run_command,
    say,
    show,
)

ROOT = Path(__file__).resolve().parents[2]
MAINS = ("ntt.main", "nn.cli.main", "accel_model.cli.main", "rtl.cli.main", "benchmarks.main")
EVIL = "\x1b]0;title\x07\x1b[31mred\r\nforged: line\u202e\udcff\x9b0m"


@given(st.text())
def test_printable__is_one_line_and_says_the_same(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text
    if "\\" not in text:
        assert shown.encode("latin-1", "backslashreplace").decode("unicode_escape") == text


def test_printable__an_example() -> None:
    assert printable("\x1b[1m né\n") == r"\x1b[1m né\n"


def test_drawable__dollars_are_no_formula() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0, 0, drawable(r"$\nothing{ \$ \x1b $"))
    figure.savefig(io.BytesIO(), format="svg")


def test_lines__are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    show(EVIL, "second")
    say(EVIL)
    printed = capsys.readouterr()
    assert printed.out == f"{printable(EVIL)}\nsecond\n"
    assert printed.err == f"{printable(EVIL)}\n"


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Full(io.StringIO):
    """A stream without space."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [None, closed(), Full()])
def test_say__a_notice_that_cannot_be_written_is_dropped(
    stream: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    say("a notice")
    assert capsys.readouterr().out == ""  # where print would have put it


def test_count_lines__the_last_line_is_always_there(capsys: pytest.CaptureFixture[str]) -> None:
    lines = CountLines("images", 6)
    for _ in range(3):
        lines.advance(2)
    assert capsys.readouterr().err.startswith("images 6/6 ")


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


def test_count_bar__on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def count() -> None:
        with CountBar(f"steps{EVIL[:1]}", 3) as bar:
            bar.advance()
            bar.advance(2)

    count()
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    count()
    assert capsys.readouterr().out == ""
    first, *_, last = terminal.getvalue().split("\r")[1:]
    assert first.startswith(f"steps\\x1b {'-' * 30} 0/3 ")
    assert last.startswith(f"steps\\x1b {'#' * 30} 3/3 ")
    assert terminal.getvalue().endswith(" s\n")


@pytest.mark.parametrize("stream", [None, closed(), Full()])
def test_count_bar__without_a_stream_is_silent(
    stream: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Full, "isatty", lambda _: True)
    monkeypatch.setattr(sys, "stderr", stream)
    with CountBar("nothing", 0) as bar:
        bar.advance()


def test_command_parser__errors_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser()
    parser.add_subparsers().add_parser("sub")
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["sub", EVIL])
    assert stopped.value.code == 2
    assert printable(EVIL) in capsys.readouterr().err


class NamedError(ValueError):
    """Bad input."""


def raising(error: BaseException) -> Iterator[int]:
    raise error
    yield 0


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (NamedError(f"two\nlines, {EVIL[:6]}"), 2, "NamedError: two lines, \\x1b]0;ti\n"),
        (FileNotFoundError(2, "No such file", "a"), 2,
         "FileNotFoundError: [Errno 2] No such file: 'a'\n"),
        (MemoryError("too large"), 2, "MemoryError: too large\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)  # fmt: skip
def test_run_command__statuses(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: next(raising(error)), NamedError) == status
    assert capsys.readouterr().err == said


def test_run_command__a_result_a_defect_and_an_exit_pass() -> None:
    assert run_command(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0, NamedError)
    with pytest.raises(SystemExit):
        run_command(lambda: sys.exit(3), NamedError)


def test_run_command__streams_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (None, closed()):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)

        def command() -> int:
            print("out")
            print("error", file=sys.stderr)
            raise NamedError

        assert run_command(command, NamedError) == 2
        sys.stdout.close()
        sys.stderr.close()


def run_shell(words: str) -> tuple[str, str, int]:
    """Standard output, standard error and status of a line of Bash, run in the project."""
    finished = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words}"],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout, finished.stderr, finished.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="needs Bash")
def test_commands__end_quietly_with_their_reader() -> None:
    """Where there are many lines, and where there is no reader at all."""
    out, err, status = run_shell("$PYTHON -m accel_model validate | head -1")
    assert (out.count("\n"), err, status) == (1, "", 141)
    out, err, status = run_shell("($PYTHON -m accel_model --help; echo $? >&2) | true")
    assert err in ("0\n", "141\n")  # as the two programs are scheduled


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_commands__a_full_disk_is_one_line() -> None:
    _, err, status = run_shell("$PYTHON -m accel_model validate > /dev/full")
    assert (err, status) == ("OSError: [Errno 28] No space left on device\n", 2)


@pytest.mark.skipif(sys.platform == "win32", reason="needs Bash")
def test_commands__closed_streams(tmp_path: Path) -> None:
    """A file must not get the descriptor of standard error, or it holds what is said there."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "from ntt.terminal import run_command, say\n"
        "def command():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        say('a notice')\n"
        "        os.write(2, b'a library')\n"
        "        file.write('result')\n"
        "    return 0\n"
        "sys.exit(run_command(command))\n"
    )
    result = tmp_path / "result"
    for closing in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        result.unlink(missing_ok=True)
        words = f"$PYTHON {program} {result} {closing}"
        assert run_shell(words) == ("", "", 0)
        assert result.read_text() == "result"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("main", MAINS)
def test_commands__an_interrupt_is_one_line(main: str) -> None:
    """Of each command line, whose commands are replaced by one that waits."""
    program = (
        "import importlib, sys, time\n"
        f"place = importlib.import_module({main!r})\n"
        "def wait(*_):\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "place._run = wait\n"
        "sys.exit(place.main([]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (err, process.returncode) == ("interrupted\n", 130)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("main", MAINS)
def test_commands__an_interrupt_during_the_imports_is_one_line(main: str, tmp_path: Path) -> None:
    """Python runs `sitecustomize` first: its finder waits where the command line is imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "class Waiting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {main!r}:\n"
        "            print('waiting', flush=True)\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Waiting())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", main.partition(".")[0], "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (err, process.returncode) == ("interrupted\n", 130)
