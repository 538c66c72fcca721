"""Program files: the same program again, or a named error."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from accel_model.errors import ProgramFileError
from accel_model.execution.executor import execute
from accel_model.isa import program_file
from accel_model.lowering.operations import lower


@pytest.fixture
def program(circuit_run):
    return lower(circuit_run.trace)


@pytest.fixture
def file(program, tmp_path):
    path = tmp_path / "program.npz"
    program_file.save(program, path)
    return path


def rewrite(file, **changes):
    """The same archive with members replaced, or left out where they are None."""
    with np.load(file) as archive:
        members = dict(archive) | changes
    np.savez(file, **{name: member for name, member in members.items() if member is not None})


def with_header(file, **changes):
    with np.load(file) as archive:
        header = json.loads(archive["header"].tobytes()) | changes
    rewrite(file, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))


def test_load__gives_back_what_was_saved(program, file, circuit_run):
    again = program_file.load(file)
    for name in (field.name for field in dataclasses.fields(program)):
        assert np.array_equal(getattr(again, name), getattr(program, name)), name
    outputs = execute(again, circuit_run.arrays)
    assert np.array_equal(outputs["0"], circuit_run.outputs[0])


def test_load__cut_short(file):
    whole = file.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ProgramFileError, match=r"program\.npz"):
            program_file.load(file)


def test_load__another_format_or_version(file):
    with_header(file, version=2)
    with pytest.raises(ProgramFileError, match="version 2, but version 1 is needed"):
        program_file.load(file)
    with_header(file, format="other")
    with pytest.raises(ProgramFileError, match="he-accel program"):
        program_file.load(file)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": None},
        {"instructions": None},
        {"header": np.frombuffer(b"[", dtype=np.uint8)},
        {"instructions": np.zeros(3)},
        {"externals": np.array([object()], dtype=object)},
    ],
)
def test_load__members_that_are_wrong(file, changes):
    rewrite(file, **changes)
    with pytest.raises(ProgramFileError, match=r"program\.npz"):
        program_file.load(file)


@pytest.mark.parametrize(
    "changes",
    [{"N": "many"}, {"moduli": None}, {"moduli": [17]}, {"objects": [{}]}, {"operations": [{}]}],
)
def test_load__headers_that_are_wrong(file, changes):
    with_header(file, **changes)
    with pytest.raises(ProgramFileError, match=r"program\.npz"):
        program_file.load(file)


def test_load_data__gives_back_the_arrays_of_the_program(program, tmp_path, circuit_run):
    path = tmp_path / "program.npz"
    unknown = ("input", "no such object"), np.zeros(3)
    program_file.save(program, path, {**circuit_run.arrays, unknown[0]: unknown[1]})
    data = program_file.load_data(path)
    assert set(data) == {(o.kind, o.name) for o in program.objects}
    assert all(np.array_equal(data[name], circuit_run.arrays[name]) for name in data)
    assert program_file.load(path).N == program.N


def test_load_data__a_program_alone_is_refused(file):
    with pytest.raises(ProgramFileError, match="a program without data"):
        program_file.load_data(file)


def test_load__no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        program_file.load(tmp_path / "missing.npz")
