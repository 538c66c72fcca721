"""`benchmarks convolution`: what it counts and checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.main import main
from benchmarks.operations import convolution

SMALL = ["convolution", "--channels", "4", "--size", "8", "--ring-degree", "8192", "--level", "2"]


def test_convolution__counts_the_bytes_of_weights_at_their_period(tmp_path: Path, capsys) -> None:
    path = tmp_path / "row.json"
    assert main([*SMALL, "--dnum", "2", "--repeats", "2", "--json", str(path)]) == 0
    (row,) = json.loads(path.read_text())["rows"]
    limbs = len(row["parameters"]["q_bits"]) + len(row["parameters"]["p_bits"])
    assert row["period"] == 256 == 4 * 8 * 8
    assert row["weight_bytes"] == 8 * limbs * row["diagonals"] * row["period"]
    assert row["error"] < 2.0**-16
    assert "weights 0.00 GB" in capsys.readouterr().out


def test_convolution__a_wrong_result_is_an_error(monkeypatch, capsys) -> None:
    monkeypatch.setattr(convolution, "_TOLERANCE", 1e-12)
    assert main([*SMALL, "--repeats", "1"]) != 0
    assert "was expected" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--channels", "128"], ["--threads", "4096"]])
def test_convolution__refuses_what_it_cannot_run(words, capsys) -> None:
    assert main([*SMALL, *words]) != 0
    assert "error" in capsys.readouterr().err.lower()


def test_convolution__refuses_an_empty_image() -> None:
    with pytest.raises(SystemExit):
        main([*SMALL, "--size", "0"])
