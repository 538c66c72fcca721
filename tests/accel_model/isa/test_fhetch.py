"""FHETCH traces: written, read and written again; read from others; refused with the line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_model.errors import ProgramError, ProgramFileError
from accel_model.execution.executor import execute
from accel_model.isa import Opcode
from accel_model.isa.fhetch import fhetch_lines, parse_fhetch, smallest_root
from accel_model.lowering.operations import lower
from tests.accel_model.programs import product_trace, program_of

FOREIGN = """\
modulus_count 3
m[0] 0x0
m[1] 0x11
m[2] 0x61
sr_addp %2, %0, %1, m=1   # a comment
sr_subps %3, %2, 5, m=1
sr_ntt %2, %3, m=1
sr_mulps %9, %2, 0x3, m=2
halt
"""


def written(program, **options):
    return "\n".join(fhetch_lines(program, **options)) + "\n"


def data_of(program, seed=3):
    random = np.random.default_rng(seed)
    arrays = {}
    for number, o in enumerate(program.objects):
        if o.kind != "output":
            limbs = np.zeros((int(np.prod(o.shape)), program.N), np.uint64)
            for row in program.externals[program.externals["object"] == number]:
                q = program.moduli[row["modulus"]]
                limbs[row["limb"]] = random.integers(0, q, program.N, dtype=np.uint64)
            arrays[o.kind, o.name] = limbs.reshape(*o.shape, program.N)
    return arrays


def same_results(one, other):
    data = data_of(one)
    expected, found = execute(one, data), execute(other, data)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(expected[name], found[name])


def test_fhetch__a_lowered_product_keeps_its_results_and_then_its_text():
    program = lower(product_trace())
    text = written(program)
    again = parse_fhetch(text)
    assert (again.N, again.moduli, again.objects) == (program.N, program.moduli, program.objects)
    assert again.operations == program.operations
    same_results(program, again)
    assert written(parse_fhetch(written(again))) == written(again)
    counts = again.counts()
    assert Opcode.MULADD not in counts
    assert counts[Opcode.NTT] == program.counts()[Opcode.NTT]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), count=st.integers(5, 60))
def test_fhetch__random_programs_survive(seed, count):
    program = program_of(seed, count, N=64)
    again = parse_fhetch(written(program))
    np.testing.assert_array_equal(again.externals, program.externals)
    assert written(parse_fhetch(written(again))) == written(again)


def test_fhetch__a_foreign_trace_has_inputs_and_outputs():
    program = parse_fhetch(FOREIGN, N=8)
    assert [(o.kind, o.shape) for o in program.objects] == [("input", (2,)), ("output", (1,))]
    codes = [Opcode(int(code)) for code in program.instructions["opcode"]]
    assert codes == [Opcode.LOAD, Opcode.LOAD, Opcode.ADD, Opcode.ADDSCALAR, Opcode.NTT,
                     Opcode.CONVERT, Opcode.STORE]  # fmt: skip
    x = np.arange(16, dtype=np.uint64).reshape(2, 8)
    total = (x[0] + x[1] + np.uint64(12)) % np.uint64(17)
    root = smallest_root(8, 17)
    order = [int(f"{i:03b}"[::-1], 2) for i in range(8)]
    points = [pow(root, 2 * i + 1, 17) for i in order]
    transformed = [sum(int(c) * pow(p, k, 17) for k, c in enumerate(total)) % 17 for p in points]
    (out,) = execute(program, {("input", "in"): x}).values()
    np.testing.assert_array_equal(out, [[3 * v % 97 for v in transformed]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("halt\n", "", "no `halt`: the trace was cut short"),
        ("m=2", "m=3", r"trace:8: m=3: the table has m=1 to m=2"),
        ("sr_addp", "sr_addq", r"trace:5: sr_addq is not an instruction of this"),
        ("m[2] 0x61", "m[3] 0x61", r"trace:4: m\[3\] behind m\[1\]"),
        ("%3, m=1", "%3, m=1, omega=2", r"trace:7: omega=2: transforms here take the smallest"),
        ("0x3, m", "three, m", r"trace:8: "),
    ],
)
def test_fhetch__what_cannot_be_read_is_refused_with_the_line(old, new, message):
    with pytest.raises(ProgramFileError, match=message):
        parse_fhetch(FOREIGN.replace(old, new), N=8)


def test_fhetch__needs_a_ring_degree_and_moduli_that_fit():
    with pytest.raises(ProgramFileError, match="--ring-degree"):
        parse_fhetch(FOREIGN.replace("sr_ntt %2, %3, m=1\n", ""))
    program = lower(product_trace())
    wide = dataclasses.replace(program, moduli=(*program.moduli[:-1], (1 << 63) + 1))
    with pytest.raises(ProgramError, match=r"FHETCH has moduli below 2\^63"):
        written(wide)
