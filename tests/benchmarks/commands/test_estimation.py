"""`benchmarks estimation`: what it counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.main import main


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    """One linear layer on images (1, 4, 4)."""
    weight = np.random.default_rng(1).uniform(-1, 1, (3, 16))
    nodes = (
        nn.Node("flatten", nn.Flatten(), ("input",)),
        nn.Node("fc", nn.Linear(weight, np.ones(3)), ("flatten",)),
    )
    path = tmp_path / "linear.npz"
    nn.save(nn.Network("linear", (1, 4, 4), nodes), path)
    return path


def test_estimation__has_a_row_for_every_size_and_machine(network_file, tmp_path, capsys):
    path = tmp_path / "rows.json"
    words = ["estimation", "--network", str(network_file), "--ring-degree", "256"]
    words += ["--insecure-reason", "unit test", "--images", "1", "3", "--repeats", "2"]
    assert main([*words, "--json", str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["images"], row["machine"]) for row in rows] == [
        (1, "ecp5"), (1, "asic7"), (3, "ecp5"), (3, "asic7"),
    ]  # fmt: skip
    one, three = rows[0], rows[2]
    assert three["operations"] == 3 * one["operations"]
    for row in rows:
        seconds = row["lower_s"] + row["estimate_s"]
        assert row["us_per_instruction"] == pytest.approx(seconds * 1e6 / row["instructions"])
        assert row["steps"] >= row["instructions"]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(rows)
