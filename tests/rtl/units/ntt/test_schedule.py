"""The schedule's promises, checked over every access of every transform."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from rtl.units.ntt.schedule import Schedule, parity

GRID = [(1 << n, 1 << p) for n in range(3, 17) for p in range(6) if 2 << p <= 1 << n]
SMALL = [(N, butterflies) for N, butterflies in GRID if N <= 1 << 9]
# From a block shorter than any that exists to one longer.
WRITE_AFTER = (10, 28, 45)


def bank_and_address(row: int) -> tuple[int, int]:
    return parity(row), row >> 1


@pytest.mark.parametrize(("N", "butterflies"), SMALL)
def test_layout__every_row_has_its_own_place_in_two_equal_banks(N, butterflies):
    schedule = Schedule(N, butterflies, 28)
    places = {bank_and_address(row) for row in range(schedule.rows)}
    assert places == {(b, a) for b in range(2) for a in range(schedule.steps)}


@pytest.mark.parametrize(("N", "butterflies"), SMALL)
def test_steps__take_every_row_once_a_stage_and_one_from_each_bank(N, butterflies):
    schedule = Schedule(N, butterflies, 28)
    for stage in range(schedule.log_N):
        seen: Counter[int] = Counter()
        for number in range(schedule.steps):
            rows = schedule.step(stage, number).rows
            assert {parity(row) for row in rows} == {0, 1}
            seen.update(rows)
        assert seen == Counter(range(schedule.rows))


@pytest.mark.parametrize(("N", "butterflies"), SMALL)
def test_steps__pair_exactly_the_coefficients_that_differ_in_the_stage_s_bit(N, butterflies):
    schedule = Schedule(N, butterflies, 28)
    for stage in range(schedule.log_N):
        for number in range(schedule.steps):
            rows = schedule.step(stage, number).rows
            members = {row * butterflies + lane for row in rows for lane in range(butterflies)}
            assert {member ^ 1 << stage for member in members} == members


def slacks(schedule: Schedule, inverse: bool) -> dict[int, int]:
    """Stage -> the fewest cycles by which its reads come after what they read was written.

    The obvious way: remember for every row when the step that wrote it started.
    """
    written = {}
    least: dict[int, int] = {}
    for cycle, step in schedule.timeline(inverse):
        for row in step.rows:
            if row in written:
                slack = cycle - (written[row] + schedule.write_after)
                least[step.stage] = min(slack, least.get(step.stage, slack))
        for row in step.rows:
            written[row] = cycle
    return least


@pytest.mark.parametrize("write_after", WRITE_AFTER)
@pytest.mark.parametrize(("N", "butterflies"), SMALL)
def test_waits__no_hazard_and_no_idle_cycle_too_many(N, butterflies, write_after):
    schedule = Schedule(N, butterflies, write_after)
    for inverse in (False, True):
        stages = list(schedule.stages(inverse))
        least = slacks(schedule, inverse)
        for before, stage in pairwise(stages):
            assert least[stage] >= 0
            if schedule.wait_after(before, inverse):
                assert least[stage] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("N", "butterflies"), GRID)
def test_schedule__conflict_free_and_hazard_free_over_the_whole_grid(N, butterflies):
    for write_after in WRITE_AFTER:
        schedule = Schedule(N, butterflies, write_after)
        for inverse in (False, True):
            stages = list(schedule.stages(inverse))
            written = np.full(schedule.rows, -(1 << 40))
            cycle = 0
            for stage in stages:
                rows = np.array([schedule.step(stage, t).rows for t in range(schedule.steps)])
                assert np.array_equal(np.sort(rows.ravel()), np.arange(schedule.rows))
                odd = np.array([[parity(int(row)) for row in pair] for pair in rows])
                assert (odd.sum(axis=1) == 1).all()
                start = cycle + np.arange(schedule.steps)
                assert (written[rows] + write_after <= start[:, None]).all()
                written[rows] = start[:, None]
                cycle += schedule.steps + schedule.wait_after(stage, inverse)
            assert cycle == schedule.issue_cycles


@pytest.mark.parametrize(("N", "butterflies"), GRID)
def test_issue_cycles__alike_in_both_directions_and_within_the_bound(N, butterflies):
    for write_after in WRITE_AFTER:
        schedule = Schedule(N, butterflies, write_after)
        waits = [
            sum(schedule.wait_after(stage, inverse) for stage in schedule.stages(inverse))
            for inverse in (False, True)
        ]
        assert waits[0] == waits[1]
        assert schedule.issue_cycles == schedule.log_N * schedule.steps + waits[0]
        # Reordering costs at most half a stage: none waits that is twice as long as the pipeline.
        if schedule.steps >= 2 * write_after:
            assert waits[0] == 0
