"""Files that the commands work on: errors quote the file and the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accel_model.cli.workload import read_program, read_variants
from accel_model.errors import AcceleratorError
from accel_model.lowering.operations import lower
from he import trace as traces
from he.trace import trace_file


@pytest.fixture
def file(circuit_run, tmp_path):
    path = tmp_path / "run.trace"
    traces.save(circuit_run.trace, path)
    return path


def change(file, line, **values):
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | values)
    file.write_text("\n".join(lines), encoding="utf-8")


def test_read_program__a_trace(circuit_run, file):
    assert len(read_program(file)) == len(lower(circuit_run.trace))


@pytest.mark.parametrize(
    ("line", "values", "told"),
    [
        (0, {"N": 60}, r"run\.trace:1: N = 60: a power of two is needed"),
        (1, {"operands": []}, r"run\.trace:2: operation 0 .* does not fit"),
        (2, {"operands": [0, 0, 0]}, r"run\.trace:3: operation 1"),
    ],
)
def test_read_program__what_cannot_be_lowered_is_named_with_file_and_line(
    file, line, values, told
):
    change(file, line, **values)
    with pytest.raises(AcceleratorError, match=told):
        read_program(file)
    with pytest.raises(AcceleratorError, match=told):
        read_variants([file, file])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_read_program__a_device_without_end(monkeypatch):
    monkeypatch.setattr(trace_file, "LARGEST_BYTES", 1000)
    with pytest.raises(OSError, match="more than the 1,000 bytes"):
        read_program(Path("/dev/zero"))
