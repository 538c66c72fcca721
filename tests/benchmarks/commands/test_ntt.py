"""The command `ntt`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ntt
from benchmarks.main import main


def test_ntt__writes_rows_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    words = ["ntt", "--degree", "256", "--seconds", "0.01"]
    assert main([*words, "--json", str(json_file), "--plot", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(json_file.read_text())
    assert len(lines) == 1 + len(result["rows"]) == 1 + 2 * len(ntt.available_backends())
    assert {"library", "operation", "N", "threads", "median_s"} <= set(result["rows"][0])
    assert result["command"].startswith("python -m benchmarks ntt --degree 256")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ntt__wrong_degree_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ntt", "--degree", "1000"]) == 2
    assert "RingDegreeError" in capsys.readouterr().err
