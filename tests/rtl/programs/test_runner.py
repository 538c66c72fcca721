"""Programs on the simulated units: operands at their bounds, and what is refused.

tests/accel_model/test_three_executors.py runs whole encrypted computations.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    ExternalObject,
    Opcode,
    Operation,
    Program,
)
from ntt.modulus import find_primes
from rtl.errors import GeometryError, ProgramDataError, SimulationError
from rtl.generator.catalogue import BlockOptions
from rtl.programs.runner import check_outputs, run_program, units_for

N = 8
SMALL, LARGE = find_primes(20, N, 1)[0], find_primes(28, N, 1)[0]
GEOMETRY = BlockOptions(width=28, butterflies=1, word_bits=4)


def conversion() -> Program:
    """One step of a base conversion, from a limb modulo the larger prime to the smaller one."""
    rows = np.zeros(3, INSTRUCTION)
    rows["opcode"] = Opcode.LOAD, Opcode.CONVERT, Opcode.STORE
    rows["modulus"] = 1, 0, 0
    rows["destination"] = 0, 1, NONE
    rows["sources"] = [[NONE] * 3, [0, NONE, NONE], [1, NONE, NONE]]
    rows["external"] = 0, NONE, 1
    rows["scalar"][1], rows["addend"][1] = SMALL - 1, SMALL - 1
    table = np.zeros(2, EXTERNAL)
    table["object"], table["modulus"] = (0, 1), (1, 0)
    objects = (ExternalObject("input", "x", (1,)), ExternalObject("output", "y", (1,)))
    return Program(N, (SMALL, LARGE), rows, table, objects, (Operation("rescale", 1, ""),))


@pytest.mark.parametrize("reduction", ["word", "montgomery"])
def test_run__a_conversion_takes_any_number_of_the_units_width(reduction):
    """As the units state: a b < q R for any a of so many bits, b being below q."""
    x = np.array([0, 1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL, LARGE - 1, (1 << 28) - 1])
    options = replace(GEOMETRY, reduction=reduction)
    with units_for(conversion(), options, lanes=1) as units:
        done = run_program(conversion(), {("input", "x"): x[None].astype(np.uint64)}, units)
    expected = [(int(a) * (SMALL - 1) + SMALL - 1) % SMALL for a in x]
    assert done.outputs["y"].tolist() == [expected]
    assert (done.cycles("pointwise"), done.cycles("ntt")) == (done.batches[0].cycles, 0)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {("input", "x"): np.zeros((1, N), np.int64)},
        {("input", "x"): np.zeros((2, N), np.uint64)},
    ],
)
def test_run__data_that_are_missing_or_misshapen(data):
    with (
        units_for(conversion(), GEOMETRY, lanes=1) as units,
        pytest.raises(ProgramDataError, match=r"reads input 'x', uint64 \(1, 8\)"),
    ):
        run_program(conversion(), data, units)


def test_check_outputs__the_first_difference_is_named():
    got = {"y": np.arange(N, dtype=np.uint64)[None]}
    assert check_outputs(got, {("output", "y"): got["y"].copy()}) == N
    expected = got["y"].copy()
    expected[0, 5] = 0
    with pytest.raises(SimulationError, match=r"'y' differs first at \(0, 5\): 5 simulated, 0"):
        check_outputs(got, {("output", "y"): expected})
    with pytest.raises(ProgramDataError, match="have no output 'y'"):
        check_outputs(got, {})


@pytest.mark.parametrize("lanes", [0, -1, 3, 2 * N])
def test_units_for__lanes_must_divide_the_ring(lanes):
    with pytest.raises(GeometryError, match=f"{lanes} lanes do not divide N = 8"):
        units_for(conversion(), GEOMETRY, lanes)
