"""The command line as a whole: help, bad input, exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from he.trace import load
from nn.cli.main import main
from tests.hostile_names import HOSTILE, unprintable_lines

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


@pytest.mark.parametrize("bits", ["0", "-1", "nan", "inf", "many"])
def test_main__precision_is_above_zero(bits: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["plan", f"--precision={bits}"])
    assert exit_.value.code == 2
    assert f"{bits!r} is no number of bits above 0" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-3", "many", "1000000001"])
def test_main__counts_are_above_zero(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["demo", "--images", count])
    assert exit_.value.code == 2
    assert "--images" in capsys.readouterr().err


def test_main__a_defect_is_not_taken_for_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("nn.cli.plan.make_plan", broken)
    monkeypatch.setattr("nn.cli.plan.network_of", lambda _: broken(_))
    with pytest.raises(ValueError, match="a defect"):
        main(["plan"])


def test_main__a_file_that_is_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.npz"
    path.write_bytes(b"nothing of the kind")
    assert main(["plan", "--network", str(path)]) == 2
    assert capsys.readouterr().err.startswith("NetworkFileError: ")


def test_main__hostile_names_are_shown_as_escapes(
    network: nn.Network, images: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of networks, layers and files, in every command that prints or draws them."""
    nodes = [
        nn.Node(
            node.name + HOSTILE,
            node.layer,
            tuple(name if name == "input" else name + HOSTILE for name in node.inputs),
        )
        for node in network.nodes
    ]
    renamed = nn.Network(network.name + HOSTILE, network.input_shape, tuple(nodes))
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    nn.save(renamed, folder / "network.npz")
    np.save(folder / f"image {HOSTILE}.npy", images[0])
    np.savez(folder / "data.npz", images=images, labels=np.zeros(len(images), dtype=np.int64))
    options = ["--network", str(folder / "network.npz"), "--ring-degree", "256"]
    options += ["--insecure-reason", HOSTILE]
    few = [*options, "--data", str(folder / "data.npz"), "--images", "2"]
    told = ""
    for words in (
        ["plan", *options],
        ["trace", *options, "-o", str(folder / "run.trace")],
        ["infer", *options, "--image", str(folder / f"image {HOSTILE}.npy")],
        ["demo", *few, "--output", str(folder / "picture.svg")],
        ["accuracy", *few, "--json", str(folder / "accuracy.json")],
        ["infer", *options, "--image", str(folder / "missing.npy"), "--verbose"],
    ):
        assert main(words) == (2 if "--verbose" in words else 0)
        printed = capsys.readouterr()
        assert unprintable_lines(printed.out + printed.err) == []
        told += printed.out
    assert told.count(r"conv\x1b[31m[bold") == 2  # plan and demo, which breaks lines at spaces
    assert unprintable_lines((folder / "picture.svg").read_text()) == []
    # Data keep the names as they are.
    assert json.loads((folder / "accuracy.json").read_text())["network"] == renamed.name
    assert load(folder / "run.trace").title == renamed.name


def test_main__output_is_refused_before_the_work(
    options: list[str],
    data: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def working(*_: object) -> None:
        raise AssertionError("the work began")

    for command in ("accuracy", "bench", "demo", "trace"):
        monkeypatch.setattr(f"nn.cli.{command}.network_of", working)
    (tmp_path / "a.png").mkdir()
    taken = str(tmp_path / "a.png")
    for words in (
        ["accuracy", *data, "--json", taken],
        ["bench", *data, "--json", taken],
        ["bench", *data, "--batched", "--json", taken],
        ["demo", *data, "--output", taken],
        ["trace", "--output", taken],
    ):
        assert main([words[0], *options, *words[1:]]) == 2
        assert "this is a folder: name a file in it" in capsys.readouterr().err
