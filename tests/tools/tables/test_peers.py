"""The committed comparison with peers is fair."""

from __future__ import annotations

from tools.tables.result_files import load


def test_bfv__every_library_is_left_its_depth() -> None:
    rows = load("bfv")["rows"]
    ours = {(r["N"], r["depth"]): r["parameters"] for r in rows if r["library"] == "he-accel"}
    assert {N for N, _ in ours} == {1 << 13, 1 << 14, 1 << 15}
    for row in rows:
        own, parameters = ours[row["N"], row["depth"]], row["parameters"]
        assert 1 <= parameters["budget_after_depth_bits"] <= own["budget_after_depth_bits"]
        assert own["security_bits"] >= parameters["security_bits"] == 128
        assert own["t"] == parameters["t"]
