"""Estimates against bounds that hold by definition, on our own and on published machines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_model.estimation.costs import limb_bytes
from accel_model.estimation.estimate import estimate
from accel_model.isa import Opcode
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import load_machine
from tests.accel_model.programs import programs, sum_of_two


@settings(deadline=None, max_examples=25)
@given(program=programs, name=st.sampled_from(["asic7", "ecp5"]), slots=st.integers(4, 20))
def test_estimate__scheduled_is_never_below_ideal_and_bytes_add_up(program, name, slots):
    machine = load_machine(name)
    size = limb_bytes(program.N, machine)
    machine = machine.with_values(memory__bytes=slots * size)
    result = estimate(program, machine)
    # Two sums of the same floats in other orders: a few units in the last place.
    assert result.time_s >= result.ideal_s * (1 - 1e-12)
    codes = program.instructions["opcode"]
    moved = sum(result.external_bytes.values())
    transfers = int(((codes == Opcode.LOAD) | (codes == Opcode.STORE)).sum())
    again = result.external_bytes["fetched again"] + result.external_bytes["spilled"]
    assert moved == pytest.approx(transfers * size + again)
    assert result.steps == len(program) + round(again / size)
    for parts in (result.layers, result.operations):
        assert sum(part.time_s for part in parts) == pytest.approx(result.time_s)
        assert sum(part.external_bytes for part in parts) == pytest.approx(moved)


@settings(deadline=None, max_examples=25)
@given(
    program=programs,
    name=st.sampled_from(["ntt.count", "pointwise.count", "automorphism.count", "memory.bytes",
                          "memory.banks", "external.bytes_per_s"]),
    factor=st.integers(1, 5),
)  # fmt: skip
def test_estimate__more_of_anything_never_makes_the_ideal_bound_slower(program, name, factor):
    machine = load_machine("ecp5")
    more = machine.with_values(**{name.replace(".", "__"): machine[name] * factor})
    assert estimate(program, more).ideal_s <= estimate(program, machine).ideal_s * (1 + 1e-12)


@pytest.mark.parametrize("name", ["heax", "cofhee", "sharp", "bts", "ark", "asic7", "ecp5"])
def test_estimate__a_program_that_fits_runs_on_published_machines_too(name):
    result = estimate(lower(sum_of_two()), load_machine(name))
    assert result.time_s >= result.ideal_s > 0
    assert result.energy.total_j > 0
