"""Programs lowered from traces: their counts are those of the run, their operations the trace's."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from accel_model.errors import AcceleratorError, LoweringError
from accel_model.isa import NONE, Opcode, Phase
from accel_model.lowering.operations import lower
from he.trace import HEOp, TraceError

# What moves limbs, or makes what the software has for nothing.
NOT_COUNTED = {Opcode.LOAD, Opcode.STORE, Opcode.ZERO}


def arithmetic_counts(program):
    return {code: n for code, n in program.counts().items() if code not in NOT_COUNTED}


def test_lower__counts_are_those_of_the_run(circuit_run):
    program = lower(circuit_run.trace)
    assert arithmetic_counts(program) == dict(circuit_run.counts)
    assert set(program.counts()) == set(Opcode)


def test_lower__counts_of_a_small_network(small_run):
    assert arithmetic_counts(lower(small_run.trace)) == dict(small_run.counts)


def test_lower__counts_of_mnist(mnist_run):
    assert arithmetic_counts(lower(mnist_run.trace)) == dict(mnist_run.counts)


def test_lower__every_external_limb_is_loaded_once(circuit_run):
    program = lower(circuit_run.trace)
    moved = program.instructions["external"]
    assert np.array_equal(np.sort(moved[moved != NONE]), np.arange(len(program.externals)))


def test_lower__instructions_carry_operation_and_layer(mnist_run):
    trace, program = mnist_run.trace, lower(mnist_run.trace)
    named = [(o.kind, o.level, o.layer) for o in program.operations]
    assert named[:-1] == [(op.kind, op.level, op.layer) for op in trace.operations]
    assert (np.diff(program.instructions["operation"]) >= 0).all()
    stages = [stage.name for stage in mnist_run.plan.stages]
    assert list(dict.fromkeys(layer for _, _, layer in named)) == [*stages, "output"]


def test_lower__seeded_limbs_are_the_uniform_halves_of_keys(mnist_run):
    program = lower(mnist_run.trace)
    table = program.externals
    halves = [
        program.objects[entry["object"]].kind == "key"
        and entry["limb"] // program.objects[entry["object"]].shape[2] % 2 == 1
        for entry in table
    ]
    assert np.array_equal(table["seeded"], halves)


def test_lower__transforms_belong_to_changes_of_the_modulus(circuit_run):
    rows = lower(circuit_run.trace).instructions
    transforms = np.isin(rows["opcode"], [Opcode.NTT, Opcode.INTT, Opcode.CONVERT])
    assert set(rows["phase"][transforms]) == {Phase.DECOMPOSE, Phase.DIVIDE, Phase.RAISE}


def test_lower__time_of_mnist(mnist_run):
    begin = time.perf_counter()
    lower(mnist_run.trace)
    # An estimate of the whole program has ten seconds; a busy machine is allowed for.
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    "change",
    [
        {"level": 0},
        {"operands": ()},
        {"kind": "relinearize"},
        {"kind": "add_integer"},
        {"kind": "automorphisms", "elements": (3,)},
    ],
)
def test_lower__an_operation_that_does_not_fit(circuit_run, change):
    first: HEOp = circuit_run.trace.operations[0]
    operations = (dataclasses.replace(first, **change), *circuit_run.trace.operations[1:])
    trace = dataclasses.replace(circuit_run.trace, operations=operations)
    with pytest.raises(LoweringError, match="operation 0"):
        lower(trace)


@pytest.mark.parametrize(
    "change",
    [
        lambda trace: {"q": (*trace.q[:-1], (1 << 70) + 1)},
        lambda trace: {"p": trace.q[: len(trace.p)]},
        lambda trace: {"N": 48},
    ],
    ids=["too wide", "not distinct", "no power of two"],
)
def test_lower__a_ring_that_is_none(circuit_run, change):
    with pytest.raises((AcceleratorError, TraceError)):
        lower(dataclasses.replace(circuit_run.trace, **change(circuit_run.trace)))
