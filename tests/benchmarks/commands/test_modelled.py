"""`benchmarks compare` of a network too large for a run: its plan's trace on the machines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.commands import compare
from benchmarks.main import main

PLANNING = ["--ring-degree", "256", "--insecure-reason", "unit test", "--repeats", "1"]


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    """linear - square - linear on vectors of ten."""
    rng = np.random.default_rng(7)
    nodes = (
        nn.Node("fc1", nn.Linear(rng.uniform(-1, 1, (5, 10)), rng.uniform(-1, 1, 5)), ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("fc1",)),
        nn.Node("fc2", nn.Linear(rng.uniform(-1, 1, (3, 5)), rng.uniform(-1, 1, 3)), ("square",)),
    )
    path = tmp_path / "network.npz"
    nn.save(nn.Network("small", (10,), nodes), path)
    return path


def test_compare__a_large_network_is_estimated_without_a_run(
    network_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The plan's trace gives each machine the figures that the run's trace gives it."""
    words = ["compare", "--workload", str(network_file), *PLANNING, "--no-sweep"]
    assert main([*words, "--json", str(tmp_path / "run.json")]) == 0
    capsys.readouterr()
    monkeypatch.setattr(compare, "LARGEST_WEIGHT_BYTES", 0)
    assert main([*words, "--json", str(tmp_path / "large.json")]) == 0
    run, large = (json.loads((tmp_path / name).read_text()) for name in ("run.json", "large.json"))
    assert large["software"] is None
    assert large["instructions"] == run["instructions"]
    assert len(large["machines"]) == 2
    for alone, beside in zip(large["machines"], run["machines"], strict=True):
        assert {name: beside[name] for name in alone} == alone
    times = {row["machine"]: row for row in large["published"]}
    assert times["SHARP"]["time_s"] == 0.099
    text = capsys.readouterr().out
    for row in times.values():
        assert f"ResNet-20 on {row['machine']}: " in text
        assert f"[{row['tag']}; {row['origin']}]" in text
