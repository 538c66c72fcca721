"""`python -m rtl run`: on a whole machine, and what is refused before anything is built."""

from __future__ import annotations

import json

import pytest

from accel_model.execution.executor import execute
from accel_model.isa import program_file
from rtl.cli.main import main
from tests.accel_model.timed.random_programs import RandomProgram

TINY = """
lanes = 2
slots = 12
word_bits = 7
[channel]
data_bits = 32
burst_beats = 4
latency_cycles = 30
outstanding = 3
"""


@pytest.fixture
def program(tmp_path):
    made = RandomProgram(7, 40)
    data = made.data()
    outputs = execute(made.program(), data)
    data |= {("output", name): array for name, array in outputs.items()}
    program_file.save(made.program(), tmp_path / "program.npz", data)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path / "program.npz"


def test_run__on_a_whole_machine(program, capsys):
    machine = str(program.with_name("tiny.toml"))
    results = program.with_name("results.json")
    assert main(["run", str(program), "--machine", machine, "--json", str(results)]) == 0
    shown = capsys.readouterr().out
    [entry] = json.loads(results.read_text())["entries"]
    assert entry["measured"]["cycles"] == entry["facts"]["model_cycles"] > 0
    assert (entry["block"]["lanes"], entry["block"]["moduli"]) == (2, 3)
    assert entry["target"] == "verilator, program program"
    assert "0 beats repeated, as the model says" in shown
    assert "192 residues agree with the expected ones, bit for bit" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--machine", "huge"], "machine 'huge' does not exist: choose one of large, small"),
        (["--machine", "large"], "32 lanes for N = 64"),
        (["--machine", "small", "--lanes", "4"], "--lanes is not used with --machine"),
        (["--json", "r.json"], "--json is used with --machine only"),
        (["--machine", "small", "--json", "."], "is a folder: name a file in it"),
        (["--machine", "small", "--json", f"{__file__}/r.json"], "is no folder"),
        (["--machine", "small", "--json", __file__], "is not a results file"),
        (["--lanes", "3"], "3 lanes do not divide N = 64: the nearest number that does is 2"),
    ],
)
def test_run__a_machine_that_does_not_exist_or_fit(program, capsys, options, words):
    assert main(["run", str(program), *options]) == 2
    assert words in capsys.readouterr().err


def test_run__a_trace(tmp_path, capsys):
    path = tmp_path / "mnist.trace"
    path.write_text('{"format": "he-accel trace"}\n')
    assert main(["run", str(path)]) == 2
    assert "a trace has no residues" in capsys.readouterr().err
