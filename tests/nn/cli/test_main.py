"""The command line as a whole: help, bad input, exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nn.cli.main import main

COMMANDS = ("demo", "infer", "accuracy", "bench", "plan", "trace", "warm")


@pytest.mark.parametrize("command", COMMANDS)
def test_main__every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    printed = capsys.readouterr().out
    assert exit_.value.code == 0
    assert f"python -m nn {command}" in printed
    assert "--network" in printed
    assert "default: None" not in printed


def test_main__help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


def test_main__module_runs() -> None:
    command = [sys.executable, "-m", "nn", "plan", "--network", "nothing"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr.startswith("ZooError: there is no network 'nothing'")
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        (["plan", "--network", "nothing"], "ZooError", "mnist, fashion_mnist"),
        (["plan", "--security", "100"], "ParameterError", "128, 192, 256"),
        (["plan", "--ring-degree", "4096"], "PlanningError", "4096"),
        (["infer", "--index", "10000"], "ShapeError", "0 to 9999"),
        (["infer", "--index", "-1"], "ShapeError", "0 to 9999"),
        (["infer", "--image", "missing.png"], "ImageFileError", "missing.png"),
        (["infer", "--image", "picture.bmp"], "ImageFileError", ".png or .npy"),
        (["accuracy", "--images", "10001"], "ShapeError", "10001"),
        (["bench", "--threads", "4096"], "ThreadCountError", "4096"),
        (["demo", "--output", "picture.txt"], "PictureError", ".png, .pdf or .svg"),
        (["demo", "--output", "no-such-folder/a.png"], "PictureError", "no-such-folder"),
    ],
)
def test_main__bad_input_is_one_line(
    words: list[str], name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"{name}: ") or f"\n{name}: " in printed.err
    assert told in printed.err.splitlines()[-1]
    assert "Traceback" not in printed.err


def test_main__unusable_backend_is_told_before_keys_are_made(
    options: list[str], data: list[str]
) -> None:
    # In a process of its own: the environment is read once.
    command = [sys.executable, "-m", "nn", "bench", *options, *data]
    environment = {**os.environ, "HE_ACCEL_BACKEND": "abacus"}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 2
    assert finished.stderr.startswith("BackendError: ")
    assert "abacus" in finished.stderr


def test_main__verbose_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--network", "nothing", "--verbose"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.splitlines()[-1].startswith("ZooError: ")


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_main__counts_are_above_zero(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["demo", "--images", count])
    assert exit_.value.code == 2
    assert "--images" in capsys.readouterr().err


def test_main__a_defect_is_not_taken_for_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("nn.cli.plan.make_plan", broken)
    monkeypatch.setattr("nn.cli.plan.load_network", lambda _: broken(_))
    with pytest.raises(ValueError, match="a defect"):
        main(["plan"])


def test_main__a_file_that_is_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.npz"
    path.write_bytes(b"nothing of the kind")
    assert main(["plan", "--network", str(path)]) == 2
    assert capsys.readouterr().err.startswith("NetworkFileError: ")
