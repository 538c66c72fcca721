"""The results file, and what the committed measurements must reach."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

import rtl
from rtl.arithmetic.reductions import REDUCTIONS
from rtl.characterize import results
from rtl.characterize.blocks import WIDTHS
from rtl.documents.measurement_tables import tables
from rtl.errors import OutputError

MEASUREMENTS = Path(rtl.__file__).parent / "results" / "measurements.json"


def test_results__keep_their_order_and_replace_their_older_self(tmp_path):
    def entry(width: int, value: int) -> results.Entry:
        return {"block": {"kind": "modmul", "width": width}, "target": "xc7", "measured": value}

    entries = results.merged(results.merged([], entry(50, 1)), entry(28, 2))
    entries = results.merged(entries, entry(50, 3))
    assert [e["measured"] for e in entries] == [2, 3]
    path = tmp_path / "folder" / "results.json"
    results.save(path, entries)
    assert results.load(path) == entries
    path.write_text('{"format": 99, "entries": []}')
    with pytest.raises(OutputError, match="format 99"):
        results.load(path)
    path.write_text("[]")
    with pytest.raises(OutputError, match="not a results file"):
        results.load(path)


def test_committed_measurements__reach_the_aims_and_make_tables():
    entries = results.load(MEASUREMENTS)
    found = {json.dumps([e["block"], e["target"]], sort_keys=True): e for e in entries}

    def measured(kind: str, target: str, **block: object) -> list[dict[str, int]]:
        return [
            e["measured"]
            for e in found.values()
            if e["block"]["kind"] == kind
            and e["target"] == target
            and block.items() <= e["block"].items()
        ]

    (butterfly,) = measured("butterfly", "ecp5-85k-speed8", width=50)
    assert butterfly["clock_median_hz"] >= 170e6
    for N, butterflies in product((1024, 4096, 16384), (1, 4, 8)):
        (unit,) = measured("ntt", "ecp5-85k-speed8", N=N, butterflies=butterflies)
        assert len(unit["clock_hz"]) >= 3
        assert unit["clock_median_hz"] >= 150e6
    for width, reduction in product(WIDTHS, REDUCTIONS):
        for target in ("ecp5-85k-speed8", "xc7", "xcup"):
            (multiplier,) = measured("modmul", target, reduction=reduction, width=width)
            assert len(multiplier.get("clock_hz", (1, 2, 3))) >= 3
    (multiplier,) = measured("modmul", "xc7", reduction="word", width=50)
    assert multiplier["dsp"] <= 16
    assert "NTT 1024, 1 butterflies, 50 bits" in tables(entries)
