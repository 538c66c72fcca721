"""Layers and kinds of operations of a real run: their shares add up, and stay below the roof."""

from __future__ import annotations

import pytest

from accel_model.estimate.estimate import Estimate, estimate, limb_bytes
from accel_model.estimate.parts import _covered
from accel_model.estimate.roofline import Roof, rate_per_s, roof_of
from accel_model.estimate.schedule import KINDS
from accel_model.isa import Program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine, load_machine


@pytest.fixture(scope="module", params=[("asic7", 40), ("asic7", 400), ("ecp5", 12)])
def case(request: pytest.FixtureRequest, small_run) -> tuple[Program, Machine, Estimate]:
    """The small network on a machine with room for so many limbs."""
    name, slots = request.param
    program, machine = lower(small_run.trace), load_machine(name)
    memory = slots * limb_bytes(program.N, machine)
    machine = machine.with_values(ntt__butterflies=4, memory__bytes=memory)
    return program, machine, estimate(program, machine)


# Sums of the same floats in other orders: a few units in the last place each.
def exactly(value: float) -> object:
    return pytest.approx(value, rel=1e-12)


def test_parts__add_up_to_the_whole(case):
    _, _, result = case
    for parts in (result.layers, result.operations):
        assert sum(part.time_s for part in parts) == exactly(result.time_s)
        assert sum(part.energy.total_j for part in parts) == exactly(result.energy.total_j)
        for name in ("arithmetic_j", "memory_j", "external_j", "leakage_j"):
            whole = getattr(result.energy, name)
            assert sum(getattr(part.energy, name) for part in parts) == exactly(whole)
        for kind in KINDS:
            busy = sum(part.busy_s[kind] for part in parts)
            assert busy == exactly(result.utilisation[kind] * result.time_s)
    assert [part.name for part in result.layers][-1] == "output"


def test_parts__bound_and_bottleneck_are_those_of_the_busiest_unit(case):
    _, _, result = case
    for part in (*result.layers, *result.operations):
        assert part.busy_s[part.bottleneck] == part.ideal_s == max(part.busy_s.values())
        # Every unit of a kind works inside the span, so it holds at least its share.
        assert part.ideal_s <= part.span_s * (1 + 1e-12)
        assert part.span_s <= result.time_s * (1 + 1e-12)


def test_roofline__no_part_is_above_it(case):
    program, machine, result = case
    roof = roof_of(program.N, machine)
    for part in (*result.layers, *result.operations):
        assert rate_per_s(part) <= roof.reach_per_s(part.intensity) * (1 + 1e-12)


def test_roofline__units_that_never_wait_reach_it():
    machine = load_machine("ecp5").with_values(ntt__butterflies=4, pointwise__lanes=2)
    roof = roof_of(1024, machine)
    # Four butterflies and two lanes a cycle; the transform's waits take a share off the first.
    clock = machine["clock.hz"]
    assert 5 * clock < roof.peak_per_s <= 6 * clock
    assert roof.reach_per_s(roof.ridge) == pytest.approx(roof.peak_per_s)
    assert Roof(10, 5).reach_per_s(1) == 5
    assert Roof(10, 5).reach_per_s(4) == 10


@pytest.mark.parametrize(
    ("spans", "length"),
    [([], 0), ([(1, 3)], 2), ([(4, 5), (1, 3)], 3), ([(1, 3), (2, 6), (3, 4)], 5)],
)
def test_covered__counts_no_time_twice(spans, length):
    assert _covered(spans) == length
