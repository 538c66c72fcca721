"""The command `bfv`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.main import main
from benchmarks.peers.bfv.task import OPERATIONS, PLAIN_MODULUS


def test_bfv__writes_rows_and_a_picture(tmp_path: Path) -> None:
    file, picture = tmp_path / "bfv.json", tmp_path / "bfv.png"
    words = ["bfv", "--case", "8192:2", "--seconds", "0", "--turn", "0"]
    assert main([*words, "--json", str(file), "--plot", str(picture)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert [row["operation"] for row in rows] == list(OPERATIONS)
    for row in rows:
        assert (row["library"], row["N"], row["threads"]) == ("he-accel", 8192, 1)
        assert row["median_s"] > 0
        assert row["parameters"]["t"] == PLAIN_MODULUS
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bfv__names_the_cases_for_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bfv", "--case", "8192:3"]) == 2
    assert "8192:2, 8192:4" in capsys.readouterr().err
