"""`benchmarks compare` of a network too large for a run: its plan's trace on the machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nn
from benchmarks.commands import compare
from benchmarks.comparison.text import ratio
from benchmarks.main import main
from tests.nn.samples import small

PLANNING = ["--ring-degree", "256", "--insecure-reason", "unit test", "--repeats", "1"]


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    """conv - square - linear on images (1, 6, 6)."""
    path = tmp_path / "network.npz"
    nn.save(small(), path)
    return path


@pytest.mark.parametrize("images", [1, 2])
def test_compare__a_large_network_is_estimated_without_a_run(
    images: int,
    network_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The plan's trace gives each machine the figures that the run's trace gives it."""
    words = ["compare", "--workload", str(network_file), *PLANNING, "--no-sweep"]
    words += ["--images", str(images)]
    assert main([*words, "--json", str(tmp_path / "run.json")]) == 0
    capsys.readouterr()
    monkeypatch.setattr(compare, "LARGEST_WEIGHT_BYTES", 0)
    assert main([*words, "--json", str(tmp_path / "large.json")]) == 0
    run, large = (json.loads((tmp_path / name).read_text()) for name in ("run.json", "large.json"))
    assert large["software"] is None
    assert large["images"] == images
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


def test_compare__a_large_network_beside_a_time_of_one_image(
    network_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two images take software twice the time of one."""
    monkeypatch.setattr(compare, "LARGEST_WEIGHT_BYTES", 0)
    committed = tmp_path / "committed.json"
    content = {"network": str(network_file), "server_seconds_median": 1.0}
    committed.write_text(json.dumps(content))
    words = ["compare", "--workload", str(network_file), *PLANNING, "--machine", "asic7"]
    words += ["--images", "2", "--software", str(committed), "--json", str(tmp_path / "r.json")]
    assert main([*words, "--peers"]) == 0
    shown = capsys.readouterr()
    assert "no other library is timed" in shown.err
    (line,) = [line for line in shown.out.splitlines() if line.startswith("  speed-up")]
    (machine,) = json.loads((tmp_path / "r.json").read_text())["machines"]
    assert line.split()[-1] == ratio(2 / machine["time_s"])
