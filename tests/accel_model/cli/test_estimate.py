"""`python -m accel_model estimate`: its pictures and its data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from accel_model.cli.main import main
from he import trace as traces
from tests.accel_model.programs import product_trace
from tests.hostile_names import HOSTILE, unprintable_lines


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


def test_estimate__hostile_names_of_layers_and_files(tmp_path, capsys):
    trace = product_trace()
    operations = tuple(replace(op, layer=op.layer + HOSTILE) for op in trace.operations)
    path, picture = tmp_path / f"a{HOSTILE}".replace("/", ""), tmp_path / "a.svg"
    traces.save(replace(trace, title=HOSTILE, operations=operations), path)
    assert main(["estimate", str(path), "--machine", "ecp5", "--plot", str(picture)]) == 0
    assert main(["estimate", f"{path}.none", "--machine", "ecp5"]) == 2
    printed = capsys.readouterr()
    assert unprintable_lines(printed.out + printed.err) == []
    assert r"product\x1b[31m" in printed.out
    assert "</svg>" in picture.read_text()
