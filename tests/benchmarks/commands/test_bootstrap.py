"""The command `bootstrap`: what it measures and writes, and what it refuses."""

from __future__ import annotations

import functools
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import he
from benchmarks.commands import bootstrap as command
from benchmarks.main import main
from benchmarks.operations.bootstrap import CASES, BootstrapCase
from benchmarks.operations.bootstrap_peers import PEERS, run_peers
from benchmarks.peers.bootstrap.measurement import (
    NotMeasuredError,
    Subject,
    measured,
    need_memory,
)

SMALL = tuple(
    BootstrapCase(
        name, 1 << 9, 2, 36, he.Bootstrapping(precision_bits=10, slots=slots, real=real), "test"
    )
    for name, slots, real in (("complex", None, False), ("sparse", 64, True))
)


def test_bootstrap__writes_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CASES", SMALL)
    file = tmp_path / "rows.json"
    assert main(["bootstrap", "--repeats", "1", "--threads", "1", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(file.read_text())["rows"]
    assert len(lines) == 1 + len(rows) == 3
    for row, case in zip(rows, SMALL, strict=True):
        assert (row["case"], row["N"], row["levels"], row["threads"]) == (case.name, 512, 2, 1)
        assert row["worst_bits"] >= row["predicted_bits"] >= 9.9
        assert row["mean_bits"] >= row["worst_bits"]
        assert row["best_s"] == pytest.approx(sum(row["steps"].values()))
        seconds = row["slots"] * row["levels"] * row["worst_bits"] / row["rate"]
        assert seconds == pytest.approx(row["best_s"])


def test_bootstrap__an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bootstrap", "--case", "tiny"]) == 2
    assert "full-small-keys" in capsys.readouterr().err


def test_cases__are_secure_and_keep_what_they_promise() -> None:
    for case in CASES:
        bootstrapper = he.Bootstrapper(case.parameters())
        assert bootstrapper.levels == case.depth
        assert bootstrapper.precision_bits >= case.wanted.precision_bits - 0.1


def _interpreter(folder: Path, script: str) -> Path:
    """What stands for a Python: a script that is started with a peer's words."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_bootstrap__peers_run_under_their_own_python_or_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CASES", SMALL[:1])
    row = {
        "library": "OpenFHE", "N": 1 << 16, "slots": 1 << 15, "levels": 9, "threads": 1,
        "best_s": 20.0, "worst_bits": 12.0, "mean_bits": 14.0, "key_memory_bytes": 10**10,
        "rate": 1.0,
    }  # fmt: skip
    monkeypatch.setattr(
        command, "run_peers", functools.partial(run_peers, ("openfhe", "lattigo", "desilo"))
    )
    here = {"openfhe": f"echo noise; echo '{json.dumps(row)}'", "lattigo": "echo broke >&2; exit 7",
            "desilo": "echo 'not installed: no desilofhe' >&2; exit 3"}  # fmt: skip
    words = ["bootstrap", "--repeats", "1", "--threads", "1", "--peers"]
    for name, script in here.items():
        folder = tmp_path / name
        folder.mkdir()
        words += ["--peer-python", f"{name}={_interpreter(folder, script)}"]
    file = tmp_path / "rows.json"
    assert main([*words, "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["peers"] == [row]
    assert result["missing"] == {
        "Lattigo": "it ended with status 7: broke",
        "desilofhe": "not installed: no desilofhe",
    }
    assert "desilofhe was not measured: not installed" in capsys.readouterr().out


def test_bootstrap__measures_peers_while_its_own_memory_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def peers(**_: object) -> tuple[list[dict[str, object]], dict[str, str]]:
        order.append("peers")
        return [], {}

    def ours(*_: object, **__: object) -> list[object]:
        order.append("ours")
        return []

    monkeypatch.setattr(command, "run_peers", peers)
    monkeypatch.setattr(command, "run", ours)
    assert main(["bootstrap", "--peers"]) == 0
    assert order == ["peers", "ours"]


def test_run_peers__a_killed_one_lacked_memory(tmp_path: Path) -> None:
    python = _interpreter(tmp_path, "echo keys made >&2; kill -9 $$")
    rows, missing = run_peers(("lattigo",), pythons={"lattigo": str(python)})
    assert not rows
    assert missing == {
        "Lattigo": "the system ended it, most likely for want of memory, after: keys made"
    }


@pytest.mark.parametrize("text", ["seal=/bin/sh", "openfhe=/no/file", "openfhe"])
def test_bootstrap__a_peers_python_is_a_file(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["bootstrap", "--peers", "--peer-python", text])
    assert "and a file, are needed" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["seal=32768", "openfhe=3", "lattigo", "lattigo=512"])
def test_bootstrap__a_peers_ring_is_a_power_of_two(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["bootstrap", "--peers", "--peer-ring", text])
    assert "a power of two from 2048 to 65536" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--peer-ring", "openfhe=32768"], ["--peer-python", f"openfhe={sys.executable}"]],
    ids=["ring", "python"],
)
def test_bootstrap__options_of_peers_need_peers(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bootstrap", *words]) == 2
    assert "add --peers" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["desilo", "fhelium"])
def test_peers__of_one_ring_say_so(name: str) -> None:
    rows, missing = run_peers((name,), rings={name: 1 << 15})
    assert not rows
    assert re.search(r"^\w+ has no \w+ at N = 32768: leave", missing[PEERS[name]])


@pytest.mark.parametrize("name", PEERS)
def test_peers__say_that_they_are_not_installed(name: str, tmp_path: Path) -> None:
    """Under a Python that has NumPy, and nothing else of what they need."""
    program = tmp_path / "program.py"
    program.write_text(
        "import runpy, sys\n"
        "for name in ('openfhe', 'desilofhe', 'fhelium'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['peer', {name!r}]\n"
        "runpy.run_module('benchmarks.peers.bootstrap', run_name='__main__')\n"
    )
    python = _interpreter(tmp_path, f"exec {sys.executable} {program}")
    rows, missing = run_peers((name,), pythons={name: str(python)})
    assert not rows
    assert "not installed" in missing[PEERS[name]]


def test_need_memory__names_what_there_is() -> None:
    need_memory("a library", 1.0)
    wanted = r"a library takes 1000000 GB of memory, and \d+ GB are"
    with pytest.raises(NotMeasuredError, match=wanted):
        need_memory("a library", 1e15)


def test_measured__a_peers_row() -> None:
    """A library whose bootstrap adds 2^-10 to one slot and nothing to the others."""
    limits: list[int] = []

    def prepare() -> object:
        return np.zeros(4)

    subject = Subject(
        "exact", "1", 8, 4, 3, 30.0, {}, 0.0, 0, prepare,
        lambda x: x + np.array([2.0**-10, 0, 0, 0]), np.asarray, limits.append,
    )  # fmt: skip
    row = measured(subject, 1, 2)
    assert limits == [1]
    assert row["worst_bits"] == 10
    assert row["mean_bits"] == 12
    assert row["repeats"] == 2
    assert row["rate"] == pytest.approx(4 * 3 * 10 / row["best_s"])
