"""The tracer that sums times by kind of operation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from benchmarks.comparison.software import TimedTracer


def test_timed_tracer__counts_from_lap_to_record(monkeypatch):
    now = iter([0.0, 1.0, 1.5, 2.5, 3.0, 4.0, 5.0, 10.0])
    monkeypatch.setattr("benchmarks.comparison.software.time.perf_counter", lambda: next(now))
    params = SimpleNamespace(N=8, q=(17,), p=(97,), digit_limbs=1)
    tracer = TimedTracer(params)
    data = [np.zeros((2, 1, 8), dtype=np.uint64) for _ in range(3)]
    tracer.input(data[0])
    tracer.lap()  # at 1
    tracer.record("negate", 0, [data[0]], [data[1]])  # 1.5, done at 2.5
    tracer.record("negate", 0, [data[1]], [data[2]])  # 3, done at 4
    assert tracer.lap() == {"negate": 1.0}
    assert tracer.lap() == {}
    assert len(tracer.trace().operations) == 2
