"""Programs: the rules of their instructions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from accel_model.errors import ProgramError
from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    ExternalObject,
    Opcode,
    Operation,
    Phase,
    Program,
    describe,
)
from accel_model.lowering.builder import ProgramBuilder

N, MODULI = 8, (17, 97)
ROWS = np.arange(2)


@pytest.fixture
def program() -> Program:
    """out = permute(x y + x) + 3 for two limbs."""
    builder = ProgramBuilder(N, MODULI)
    x = builder.add_object(ExternalObject("input", "0", (2,)))
    y = builder.add_object(ExternalObject("plaintext", "0", (2,)))
    out = builder.add_object(ExternalObject("output", "0", (2,)))
    builder.begin_operation(Operation("example", 1, "layer"))
    a, b = builder.load(x, ROWS, ROWS), builder.load(y, ROWS, ROWS)
    builder.phase = Phase.PLAIN_PRODUCT
    product = builder.emit(Opcode.MULADD, ROWS, a, b, builder.load(x, ROWS, ROWS))
    image = builder.emit(Opcode.PERMUTE, ROWS, product, element=3)
    builder.store(out, ROWS, ROWS, builder.emit(Opcode.ADDSCALAR, ROWS, image, scalar=3))
    return builder.program()


def test_program__values_are_numbered_and_freed(program):
    assert len(program) == 12
    assert program.values == 10
    assert program.definitions.tolist() == list(range(10))
    assert program.last_uses.tolist() == [4, 5, 4, 5, 6, 7, 8, 9, 10, 11]
    assert program.counts() == {
        Opcode.LOAD: 4,
        Opcode.STORE: 2,
        Opcode.MULADD: 2,
        Opcode.ADDSCALAR: 2,
        Opcode.PERMUTE: 2,
    }
    assert [o.name for o in program.objects_of("output")] == ["0"]


def test_program__last_uses_beside_a_search(program, circuit_run):
    from accel_model.lowering.operations import lower

    for each in (program, lower(circuit_run.trace)):
        found = [NONE] * each.values
        for index, sources in enumerate(each.instructions["sources"].tolist()):
            for source in sources:
                if source != NONE:
                    found[source] = index
        assert each.last_uses.tolist() == found


def test_program__is_read_only(program):
    with pytest.raises(ValueError, match="read-only"):
        program.instructions["opcode"][0] = 3
    with pytest.raises(ValueError, match="read-only"):
        program.externals["limb"][0] = 3


@pytest.mark.parametrize(
    ("index", "name", "value", "told"),
    [
        (4, "opcode", 99, "opcode is not one of"),
        (4, "phase", 99, "phase is not one of"),
        (4, "modulus", 2, "there are 2 moduli"),
        (4, "operation", 1, "there are 1 operations"),
        (4, "operation", -1, "there are 1 operations"),
        (4, "sources", (0, 1, NONE), "wrong sources"),
        (4, "sources", (0, NONE, 1), "wrong sources"),
        (6, "sources", (4, 4, NONE), "wrong sources"),
        (4, "sources", (0, 1, 4), "not defined before"),
        (4, "sources", (0, 1, -2), "not defined before"),
        (4, "destination", 5, "in order of definition"),
        (4, "destination", 0, "in order of definition"),
        (10, "destination", 10, "in order of definition"),
        (0, "external", NONE, "no such external limb"),
        (0, "external", 6, "no such external limb"),
        (4, "external", 0, "no such external limb"),
        (6, "element", 2, "no Galois element"),
        (6, "element", 2 * N + 1, "no Galois element"),
        (4, "element", 3, "no Galois element"),
        (8, "scalar", 17, "not below the modulus"),
        (8, "addend", 17, "not below the modulus"),
    ],
)
def test_program__broken_rules(program, index, name, value, told):
    rows = program.instructions.copy()
    rows[name][index] = value
    with pytest.raises(ProgramError, match=rf"instruction {index}, .*{told}"):
        dataclasses.replace(program, instructions=rows)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"N": 12}, "power of two"),
        ({"moduli": ()}, "at least one"),
        ({"moduli": (17, 17)}, "distinct"),
        ({"moduli": (17, 1 << 64)}, "below 2.64"),
        ({"moduli": (17, 0)}, "distinct"),
        ({"operations": ()}, "there are 0 operations"),
        ({"objects": (ExternalObject("input", "0", (2,)),) * 3}, "distinct names"),
        ({"objects": (ExternalObject("tape", "0", (2,)),)}, "one of the kinds"),
        ({"objects": (ExternalObject("input", "0", (2,)),)}, "no such object"),
        ({"instructions": np.zeros(3)}, "instructions are float64"),
        ({"externals": np.zeros((1, 1), EXTERNAL)}, "of 2 axes"),
    ],
)
def test_program__broken_tables(program, changes, told):
    with pytest.raises(ProgramError, match=told):
        dataclasses.replace(program, **changes)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("object", 3, "no such object"),
        ("modulus", 2, "no such object or modulus"),
        ("limb", 2, "has no such limb"),
        ("limb", 1, "stands twice"),
    ],
)
def test_program__broken_external_limbs(program, name, value, told):
    table = program.externals.copy()
    table[name][0] = value
    with pytest.raises(ProgramError, match=told):
        dataclasses.replace(program, externals=table)


def test_program__nothing_at_all_is_a_program():
    empty = Program(N, MODULI, np.zeros(0, INSTRUCTION), np.zeros(0, EXTERNAL), (), ())
    assert len(empty) == empty.values == 0
    assert empty.counts() == {}


def test_describe__names_what_counts(program):
    words = [describe(row) for row in program.instructions[[0, 4, 6]]]
    assert words == [
        "LOAD v0 <- mod #0 external #0",
        "MULADD v4 <- v0 v2 v0 mod #0",
        "PERMUTE v6 <- v4 mod #0 element 3",
    ]
