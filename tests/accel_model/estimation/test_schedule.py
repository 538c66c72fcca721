"""Schedules keep the dependencies and share no unit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from accel_model.estimation import schedule
from accel_model.estimation.residency import allocate
from tests.accel_model.programs import programs


@settings(deadline=None, max_examples=25)
@given(program=programs)
def test_schedule__steps_wait_for_what_they_need_and_units_are_not_shared(program):
    residency = allocate(program, 6)
    random = np.random.default_rng(len(program))
    kinds = random.integers(0, len(schedule.KINDS), len(residency.needs)).tolist()
    interval = [float(1 + kind) for kind in kinds]
    costs = schedule.Costs(kinds, interval, [2 * t for t in interval], [0.0] * len(kinds))
    units = [1, 2, 1, 1, 1]
    result = schedule.run(residency.needs, costs, units)
    for step, before in enumerate(residency.needs):
        assert all(result.end[b] <= result.start[step] for b in before)
    for kind, count in enumerate(units):
        starts = [s for s, k in enumerate(kinds) if k == kind]
        for s in starts:
            at = result.start[s]
            busy = [t for t in starts if result.start[t] <= at < result.start[t] + interval[t]]
            assert len(busy) <= count
