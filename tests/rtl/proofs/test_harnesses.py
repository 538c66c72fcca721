"""Proofs over every reachable state of small units, and that broken ones are caught."""

from __future__ import annotations

import pytest

from rtl.proofs.harnesses import ControlHarness, QueueHarness
from rtl.proofs.prover import prove
from rtl.units.ntt.control import Control
from rtl.units.ntt.schedule import Schedule


def control(schedule: Schedule, buffers: int) -> Control:
    """A control whose memories see writes as late as the schedule assumes."""
    return Control(schedule, buffers, 1, 2, schedule.write_after + 1)


@pytest.mark.parametrize(
    ("N", "butterflies", "buffers", "write_after"), [(8, 1, 1, 4), (8, 1, 2, 4), (8, 2, 2, 5)]
)
def test_control__bank_hazard_and_handshake_properties_are_proven(
    N, butterflies, buffers, write_after
):
    assert prove(ControlHarness(control(Schedule(N, butterflies, write_after), buffers)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("N", "butterflies", "buffers", "write_after"), [(8, 1, 2, 6), (16, 1, 2, 6)]
)
def test_control__properties_are_proven_at_more_sizes(N, butterflies, buffers, write_after):
    assert prove(ControlHarness(control(Schedule(N, butterflies, write_after), buffers)))


class HastySchedule(Schedule):
    """Waits one cycle less than the data dependence forces."""

    def wait_after(self, stage: int, inverse: bool) -> int:
        return max(0, super().wait_after(stage, inverse) - 1)


def test_control__one_missing_wait_cycle_is_found():
    assert not prove(ControlHarness(control(HastySchedule(8, 1, 4), 1)))


def test_control__writes_one_cycle_late_are_found():
    late = Control(Schedule(8, 1, 4), 1, 1, 2, 6)
    assert not prove(ControlHarness(late))


@pytest.mark.parametrize("latency", [4, 5], ids=["one_lane", "several_lanes"])
def test_output_queue__never_overflows_and_holds_its_beats(latency):
    assert prove(QueueHarness(depth=8, latency=latency))


def test_output_queue__too_long_a_pipeline_still_never_overflows():
    assert prove(QueueHarness(depth=4, latency=6))
