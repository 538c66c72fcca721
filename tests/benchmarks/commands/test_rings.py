"""The command `rings`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.commands import rings as command
from benchmarks.main import main
from benchmarks.operations.rings import RingCase


def test_rings__writes_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CASES", (RingCase(1 << 10, 3, 1, "test"),))
    file = tmp_path / "rows.json"
    assert main(["rings", "--seconds", "0.01", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(file.read_text())
    assert len(lines) == 1 + len(result["rows"]) == 5
    assert {"operation", "N", "best_s", "transforms_s", "rates"} <= set(result["rows"][0])


def test_rings__an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rings", "--case", "1024:99"]) == 2
    assert "65536:28" in capsys.readouterr().err
