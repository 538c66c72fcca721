"""Timed programs as bytes and as text: there and back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_model.errors import AssemblyError, BinaryError, TimedProgramError
from accel_model.timed.assembly import assemble, disassemble
from accel_model.timed.binary import from_bytes, queue_offsets, to_bytes
from accel_model.timed.program import MOVE, QUEUES, TimedProgram
from accel_model.timed.scheduler import schedule
from tests.accel_model.timed.random_programs import (
    RADIX,
    RandomProgram,
    random_programs,
    shape_of,
    shapes,
)


@given(random_programs, shapes)
def test_bytes_and_text__there_and_back(made, shape):
    program = schedule(made.program(), shape, RADIX)
    content = to_bytes(program)
    for again in (from_bytes(content), assemble(disassemble(program))):
        assert to_bytes(again) == content
        assert again.shape == shape
        for name in QUEUES:
            assert np.array_equal(again.queue(name), program.queue(name))
    for name, offset in queue_offsets(content).items():
        assert offset % 4096 == 0
        assert content[offset:].startswith(program.queue(name).tobytes())


@pytest.fixture(scope="module")
def program() -> TimedProgram:
    return schedule(RandomProgram(3, 20).program(), shape_of(), RADIX)


@given(data=st.data())
def test_bytes__one_that_is_altered(data, program):
    content = bytearray(to_bytes(program))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BinaryError):
        from_bytes(bytes(content))


@given(data=st.data())
def test_bytes__cut_short(data, program):
    content = to_bytes(program)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(BinaryError, match="is cut short" if length >= 24 else "no timed program"):
        from_bytes(content[:length])


def test_bytes__another_version(program):
    content = bytearray(to_bytes(program))
    content[8] = 9
    with pytest.raises(BinaryError, match="of version 9: this machine runs version 1"):
        from_bytes(bytes(content))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("compute 3 TWIST unit=0", "'TWIST' is no opcode: choose one of NTT"),
        ("moves 3 ARRIVE slit=0", "'slit=0' names no field: choose from start"),
        ("compute 3 ADD unit=one", "invalid literal"),
        ("compute x ADD unit=1", "invalid literal"),
        ("jump 3", "'jump' begins no line"),
        ("machine {}", "a machine has the fields"),
        ("compute 3 ADD flags=LOUD", "LOUD"),
        ("moves 3 ARRIVE staging=900", "900"),
    ],
)
def test_text__a_line_that_cannot_be_read(program, line, words):
    text = disassemble(program)
    number = len(text.splitlines()) + 2
    with pytest.raises(AssemblyError, match=f"line {number}, .*{words}"):
        assemble(f"{text}\n{line} ; a remark")


def test_text__lines_that_are_missing_or_contradict(program):
    lines = disassemble(program).splitlines()
    with pytest.raises(AssemblyError, match="no line 'machine'"):
        assemble("\n".join(lines[1:]))
    with pytest.raises(AssemblyError, match=r"compute .*: starts must not go back"):
        assemble("\n".join([*lines, "compute 1 ADD unit=1"]))


def test_program__slots_units_and_places_that_do_not_exist(program):
    def changed(queue, field, value):
        rows = program.queue(queue).copy()
        rows[field][-1] = value
        parts = {name: program.queue(name) for name in QUEUES} | {queue: rows}
        return TimedProgram(
            program.shape, RADIX, program.objects, program.placed, **parts,
            data_bytes=program.data_bytes,
        )  # fmt: skip

    for queue, field, value, words in [
        ("compute", "unit", 9, "there are 4 units"),
        ("compute", "target", 12, "there are 12 slots"),
        ("compute", "opcode", 99, "no such opcode"),
        ("compute", "modulus", 7, "there are 3 moduli"),
        ("moves", "slot", 12, "there are 12 slots"),
        ("moves", "staging", 4, "no such place"),
        ("memory", "beats", 1, "another length"),
        ("memory", "address", 1 << 30, "outside of the data"),
    ]:
        with pytest.raises(TimedProgramError, match=f"{queue} [0-9]+: .*{words}"):
            changed(queue, field, value)
    with pytest.raises(TimedProgramError, match="a vector of"):
        TimedProgram(
            program.shape, RADIX, program.objects, program.placed, program.memory,
            program.moves.astype(MOVE)[None], program.compute, program.data_bytes,
        )  # fmt: skip
