"""Sweeps: what is optimal, what is left out, word widths, several traces."""

from __future__ import annotations

import dataclasses

import pytest

from accel_model.errors import MachineFileError, MachineMismatchError, WorkloadError
from accel_model.estimation.estimate import estimate
from accel_model.estimation.sweep import (
    STANDARD_AXES,
    Variant,
    beats,
    standard_axes,
    sweep,
    variants_of,
    with_values,
)
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import load_machine
from he.trace import OpTrace
from tests.accel_model.programs import product_trace


@pytest.fixture(scope="module")
def traced() -> OpTrace:
    return product_trace()


@pytest.fixture(scope="module")
def program(traced):
    return lower(traced)


@pytest.fixture(scope="module")
def machine():
    return load_machine("asic7").with_values(ntt__butterflies=4, memory__bytes=16000)


def costs(point):
    """What a point costs; bandwidth has no area in the model, so it counts by itself."""
    result = point.result
    bandwidth = point.values["external.bytes_per_s"]
    return result.time_s, result.area.total, result.energy.total_j, bandwidth


def test_sweep__keeps_the_points_that_nothing_beats(program, machine):
    axes = {"pointwise.lanes": [2.0, 8.0, 64.0], "external.bytes_per_s": [1e9, 1e12]}
    counted = []
    points = sweep([Variant({}, program)], machine, axes, advance=counted.append)
    assert [point.values for point in points] == [
        {"pointwise.lanes": lanes, "external.bytes_per_s": rate}
        for lanes in (2, 8, 64)
        for rate in (1e9, 1e12)
    ]
    assert sum(counted) == len(points) == 6
    for point in points:
        assert point.result == estimate(program, with_values(machine, point.values))
    for point in points:
        assert point.optimal == (not any(beats(costs(other), costs(point)) for other in points))
    assert any(point.optimal for point in points)


def test_sweep__more_of_what_costs_no_area_is_no_gain(program, machine):
    free = machine.with_values(area__memory_byte=0)
    # Both hold the whole program, so the times are equal, and the areas too.
    points = sweep([Variant({}, program)], free, {"memory.bytes": [64e6, 128e6]})
    assert points[0].result.time_s == points[1].result.time_s
    assert points[0].result.area == points[1].result.area
    assert [point.optimal for point in points] == [True, False]


def test_sweep__what_does_not_fit_is_said_and_left_out(program, machine):
    said = []
    axes = {"memory.bytes": [8.0, 16000.0], "pointwise.lanes": [1.0, 2.0]}
    points = sweep([Variant({}, program)], machine, axes, report=said.append)
    assert [point.values["memory.bytes"] for point in points] == [16000, 16000]
    assert len(said) == 1
    assert said[0].startswith("2 combinations left out: asic7.toml:")
    assert "8 bytes hold 0 limbs" in said[0]
    with pytest.raises(MachineMismatchError, match="at least"):
        sweep([Variant({}, program)], machine, {"memory.bytes": [8.0]}, report=said.append)


def test_sweep__butterflies_must_be_what_a_unit_can_have(program, machine):
    with pytest.raises(MachineFileError, match="6 butterflies: a generated unit has a power of"):
        sweep([Variant({}, program)], machine, {"ntt.butterflies": [6.0]})


def test_with_values__a_narrower_word_takes_multipliers_along(machine):
    half = with_values(machine, {"word.bits": 25.0})
    for name, share in (
        ("energy.multiply_pj", 0.25),
        ("area.butterfly", 0.25),
        ("area.lane", 0.25),
        ("energy.add_pj", 0.5),
        ("energy.memory_pj_per_bit", 1),
        ("memory.bytes", 1),
    ):
        assert half[name] == pytest.approx(share * machine[name])
    assert half.figures["area.lane"].tag == "assumed"
    assert half.figures["area.lane"].origin.startswith("scaled to 25 bits")
    given = with_values(machine, {"word.bits": 25.0, "area.lane": 7.0})
    assert given["area.lane"] == 7
    assert with_values(machine, {"word.bits": 50.0})["area.lane"] == machine["area.lane"]


def test_standard_axes__half_same_and_double():
    machine = load_machine("ecp5").with_values(ntt__butterflies=4, pointwise__lanes=1)
    axes = standard_axes(machine)
    assert tuple(axes) == STANDARD_AXES
    assert axes["ntt.butterflies"] == [2, 4, 8]
    assert axes["pointwise.lanes"] == [1, 2]


def test_variants_of__are_told_apart_by_dnum_and_N(traced, program):
    limbs = len(traced.q)
    by_limbs = [dataclasses.replace(traced, digit_limbs=n) for n in (1, limbs - 1, limbs)]
    variants = variants_of((trace, program) for trace in by_limbs)
    assert [v.values["dnum"] for v in variants] == [limbs, 2, 1]
    assert {v.values["N"] for v in variants} == {traced.N}
    with pytest.raises(WorkloadError, match=f"two traces have dnum = {limbs}, N = {traced.N}"):
        variants_of([(by_limbs[0], program), (by_limbs[0], program)])
