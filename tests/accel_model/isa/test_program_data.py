"""The arrays of a program: what is read, what is left, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from accel_model.isa import (
    ExecutionError,
    ExternalObject,
    Operation,
    Program,
    empty_outputs,
    limbs_read,
)
from accel_model.lowering.builder import ProgramBuilder

N = 8


@pytest.fixture
def program() -> Program:
    """out = x, two limbs in each of three parts."""
    builder = ProgramBuilder(N, (17, 97))
    x = builder.add_object(ExternalObject("input", "x", (3, 2)))
    out = builder.add_object(ExternalObject("output", "y", (3, 2)))
    builder.begin_operation(Operation("copy", 1, ""))
    rows = np.arange(2)
    for part in range(3):
        limbs = 2 * part + rows
        builder.store(out, limbs, rows, builder.load(x, limbs, rows))
    return builder.program()


def test_limbs_read__are_rows(program: Program) -> None:
    array = np.arange(6 * N, dtype=np.uint64).reshape(3, 2, N)
    found = limbs_read(program, {("input", "x"): array})
    assert list(found) == [0]
    assert np.array_equal(found[0], array.reshape(6, N))


@pytest.mark.parametrize(
    ("data", "given_words"),
    [
        ({}, "nothing"),
        ({("key", "x"): np.zeros((3, 2, N), np.uint64)}, "nothing"),
        ({("input", "x"): np.zeros((3, 2, N), np.int64)}, r"int64 \(3, 2, 8\)"),
        ({("input", "x"): np.zeros((6, N), np.uint64)}, r"uint64 \(6, 8\)"),
    ],
)
def test_limbs_read__other_arrays_are_refused(program, data, given_words) -> None:
    with pytest.raises(ExecutionError, match=rf"uint64 \(3, 2, 8\): the data hold {given_words}"):
        limbs_read(program, data)


def test_empty_outputs__have_the_shapes_of_the_objects(program: Program) -> None:
    outputs = empty_outputs(program)
    assert list(outputs) == ["y"]
    assert outputs["y"].shape == (3, 2, N)
    assert outputs["y"].dtype == np.uint64
    assert not outputs["y"].any()
