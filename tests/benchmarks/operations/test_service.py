"""The benchmark of the service: a small load, all answers right."""

from __future__ import annotations

from benchmarks.operations.service import run


def test_load__is_answered_rightly() -> None:
    row = run("mnist", clients=3, tenants=2, images=2, rounds=1, memory_bytes=1 << 28)
    assert (row.images, row.wrong) == (6, 0)
    assert row.images_per_s > 0
    assert row.waiting_median_s <= row.waiting_p99_s
    assert row.memory_bytes > 1 << 26
    assert row.service_processor_s > 0 < row.library_processor_s
