"""The README's figures are those of the committed results."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


BLOCKS = ("results", "batches", "compare", "peers", "fma", "bfv", "hardware")


@pytest.mark.parametrize("name", BLOCKS)
def test_readme_results__block_is_rendered_from_the_files(tool: ModuleType, name: str) -> None:
    found = tool.block(name).search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    assert found.group() == tool.BLOCKS[name]()


def test_readme_results__all_blocks_are_held_to_the_files(tool: ModuleType) -> None:
    assert set(BLOCKS) == set(tool.BLOCKS)


def test_readme_results__bfv_leaves_every_library_its_depth(tool: ModuleType) -> None:
    rows = json.loads((tool.RESULTS / "bfv.json").read_text(encoding="utf-8"))["rows"]
    ours = {(r["N"], r["depth"]): r["parameters"] for r in rows if r["library"] == "he-accel"}
    assert {N for N, _ in ours} == {1 << 13, 1 << 14, 1 << 15}
    for row in rows:
        own, parameters = ours[row["N"], row["depth"]], row["parameters"]
        assert 1 <= parameters["budget_after_depth_bits"] <= own["budget_after_depth_bits"]
        assert own["security_bits"] >= parameters["security_bits"] == 128
        assert own["t"] == parameters["t"]


def test_readme_results__hardware_takes_fewer_cycles_than_published(tool: ModuleType) -> None:
    # As the simulation of the published code counts them.
    assert tool.published_cycles(256, 8) == (264, 310)
    assert tool.published_cycles(1024, 8) == (808, 950)
    entries = json.loads(tool.MEASUREMENTS.read_text(encoding="utf-8"))["entries"]
    units = [entry for entry in entries if entry["block"]["kind"] == "ntt"]
    assert units
    for unit in units:
        forward, inverse = tool.published_cycles(unit["block"]["N"], unit["block"]["butterflies"])
        assert unit["facts"]["transform_cycles"] < forward < inverse


def test_readme_results__compare_keeps_every_origin(tool: ModuleType) -> None:
    for result, name in zip(tool.load_compared(), tool.NETWORKS, strict=True):
        assert result["workload"] == name
        assert result["command"].startswith(f"python -m benchmarks compare --workload {name} ")
        assert result["commit"]
        assert result["software"]["threads"] == 1
        assert [machine["machine"] for machine in result["machines"]] == ["ecp5", "asic7"]
        for machine in result["machines"]:
            time_s = machine["time_s"]
            assert machine["speed_up"] == result["software"]["median_s"] / time_s
            assert sum(part["time_s"] for part in machine["layers"]) == pytest.approx(time_s)
            for figure in machine["figures"].values():
                assert figure["tag"] in tool.TAGS
                assert figure["origin"]


def test_readme_results__every_result_tells_where_it_comes_from(tool: ModuleType) -> None:
    for result in (*tool.load("bench"), *tool.load("accuracy")):
        assert result["commit"]
        assert result["command"].startswith("python -m nn ")
        assert result["machine"]["cpu"]
        assert result["machine"]["numba"]
        assert result["parameters"]["security_estimate_bits"] >= 128


def test_readme_results__no_accuracy_run_missed_anything(tool: ModuleType) -> None:
    assert [result["misses"] for result in tool.load("accuracy")] == [0, 0]


def test_readme_results__bench_keeps_the_promises_of_mnist(tool: ModuleType) -> None:
    result = tool.load("bench")[0]
    assert result["threads"] == result["batch"] == 1
    assert result["server_seconds_median"] <= 0.24
    assert result["evaluation_key_bytes"] <= 100e6
    assert result["peak_rss_bytes"] <= 1.5e9
