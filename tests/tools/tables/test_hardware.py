"""The generated NTT units beside a published generator."""

from __future__ import annotations

from tools.tables.hardware import entries, published_cycles


def test_published_cycles__are_those_of_the_simulated_code() -> None:
    assert published_cycles(256, 8) == (264, 310)
    assert published_cycles(1024, 8) == (808, 950)


def test_measured__units_take_fewer_cycles_than_published() -> None:
    units = [entry for entry in entries() if entry["block"]["kind"] == "ntt"]
    assert units
    for unit in units:
        forward, inverse = published_cycles(unit["block"]["N"], unit["block"]["butterflies"])
        assert unit["facts"]["transform_cycles"] < forward < inverse
