"""`python -m accel_model estimate`: its pictures and its data."""

from __future__ import annotations

import json

import pytest

from accel_model.cli.main import main


def test_estimate__draws_and_writes_plain_data(file, tmp_path):
    picture, data = tmp_path / "e.svg", tmp_path / "e.json"
    words = ["estimate", str(file), "--machine", "ecp5", "--plot", str(picture)]
    assert main([*words, "--json", str(data)]) == 0
    assert "</svg>" in picture.read_text()

    def refuse(word: str) -> float:
        raise AssertionError(word)

    # parse_constant is called for Infinity and NaN, which are no JSON.
    (result,) = json.loads(data.read_text(), parse_constant=refuse)
    assert result["figures"]["clock.hz"]["tag"] == "measured"
    assert sum(part["energy"]["total_j"] for part in result["layers"]) == pytest.approx(
        result["energy"]["total_j"]
    )
