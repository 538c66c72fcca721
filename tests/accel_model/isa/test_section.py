"""Parts of programs: cut out, run by themselves, and joined to the whole again."""

from __future__ import annotations

import numpy as np
import pytest

from accel_model.errors import ProgramError
from accel_model.execution.executor import execute
from accel_model.isa import Opcode
from accel_model.isa.section import OPERANDS, RESULTS, cut
from accel_model.lowering.operations import lower


@pytest.fixture
def program(circuit_run):
    return lower(circuit_run.trace)


def test_cut__one_after_the_other_the_parts_are_the_whole(program, circuit_run):
    values: dict[int, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    for number in range(len(program.operations)):
        part = cut(program, number, number)
        data = dict(circuit_run.arrays)
        if part.operands:
            data["input", OPERANDS] = np.stack([values[value] for value in part.operands])
        left = execute(part.program, data)
        values.update(zip(part.results, left.pop(RESULTS, ()), strict=True))
        outputs |= left
    for position, expected in enumerate(circuit_run.outputs):
        # The last operation stores every output.
        assert np.array_equal(outputs[str(position)], expected)


def test_cut__everything_is_the_program_itself(program):
    part = cut(program, 0, len(program.operations) - 1)
    assert (part.operands, part.results) == ((), ())
    assert np.array_equal(part.program.instructions, program.instructions)


def test_cut__counts_are_those_of_the_operations(program):
    operations = program.instructions["operation"]
    transfers = (Opcode.LOAD, Opcode.STORE)
    for first, last in ((0, 3), (5, 5), (2, len(program.operations) - 1)):
        rows = program.instructions[(operations >= first) & (operations <= last)]
        expected = {o: int((rows["opcode"] == o).sum()) for o in Opcode if o not in transfers}
        counts = cut(program, first, last).program.counts()
        # A limb of zeros is made once: a part that only uses it takes it as an operand.
        assert {o: counts.get(o, 0) for o in expected} == expected


@pytest.mark.parametrize("bounds", [(-1, 0), (3, 2), (0, 10**6)])
def test_cut__operations_that_do_not_exist(program, bounds):
    with pytest.raises(ProgramError, match=r"the program has 0 to \d+"):
        cut(program, *bounds)
