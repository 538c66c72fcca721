"""The roofline: no part of a real run is above it."""

from __future__ import annotations

import pytest

from accel_model.estimation.roofline import Roof, rate_per_s, roof_of
from accel_model.machine.machine_file import load_machine


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
