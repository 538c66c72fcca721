"""Timed programs compute what their programs compute, and no two steps meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from accel_model.errors import MachineMismatchError
from accel_model.execution.executor import execute
from accel_model.timed.image import new_image, read_outputs, write_limbs
from accel_model.timed.scheduler import schedule
from tests.accel_model.timed.interpreter import Interpreter
from tests.accel_model.timed.random_programs import (
    MODULI,
    RADIX,
    RandomProgram,
    random_programs,
    shape_of,
    shapes,
)


@given(random_programs, shapes)
def test_schedule__every_output_is_the_executors(made, shape):
    program, data = made.program(), made.data()
    timed = schedule(program, shape, RADIX)
    image = new_image(timed)
    write_limbs(image, timed, data)
    Interpreter(timed, image).run()
    outputs, expected = read_outputs(image, timed), execute(program, data)
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(outputs[name], array)


@given(random_programs, shapes)
def test_schedule__units_keep_their_intervals(made, shape):
    timed = schedule(made.program(), shape, RADIX)
    compute = timed.compute
    for number, kind in enumerate(shape.units):
        own = compute[compute["unit"] == number]
        starts = own["start"].astype(int)
        assert (np.diff(starts) >= shape.interval_beats[kind]).all()
        if kind == "ntt":
            assert (starts[2:] - starts[:-2] >= shape.refill_beats).all()
        if kind == "pointwise":
            changes = starts[np.flatnonzero(np.diff(own["modulus"].astype(int), prepend=-1))]
            assert (np.diff(changes) >= shape.modulus_change_beats).all()
    for phases in (sum(shape.read_phases, ()), [c % shape.banks for c in shape.write_cycles]):
        assert len({p % shape.banks for p in phases}) == len(phases)


def test_schedule__a_program_for_another_machine():
    program = RandomProgram(1, 5).program()
    with pytest.raises(MachineMismatchError, match="rings of N = 128, the program has N = 64"):
        schedule(program, shape_of(N=128), RADIX)
    with pytest.raises(MachineMismatchError, match=f"no tables of the prime {MODULI[2]}"):
        schedule(program, shape_of(moduli=MODULI[:2]), RADIX)
