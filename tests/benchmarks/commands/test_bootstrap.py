"""The command `bootstrap`: what it measures and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import he
from benchmarks.commands import bootstrap as command
from benchmarks.main import main
from benchmarks.operations.bootstrap import CASES, BootstrapCase

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
