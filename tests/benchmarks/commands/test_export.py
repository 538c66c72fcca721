"""From the command that exports an encrypted run to the one that simulates it."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from accel_model.execution.executor import execute
from accel_model.isa import program_file
from benchmarks.main import main
from rtl.cli.main import main as rtl_main

PLANNING = ["--ring-degree", "64", "--precision", "2", "--insecure-reason", "unit test"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A convolution and a square, on images (1, 4, 4), in a file."""
    rng = np.random.default_rng(2)
    conv = nn.Conv2d(rng.uniform(-0.3, 0.3, (1, 1, 3, 3)), np.zeros(1), padding=(1, 1))
    nodes = (
        nn.Node("conv", conv, ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("conv",)),
        nn.Node("flatten", nn.Flatten(), ("square",)),
        nn.Node("fc", nn.Linear(rng.uniform(-0.1, 0.1, (2, 16)), np.zeros(2)), ("flatten",)),
    )
    path = tmp_path_factory.mktemp("network") / "tiny.npz"
    nn.save(nn.Network("tiny", (1, 4, 4), nodes), path)
    return str(path)


def listed(network, capsys):
    """Number and kind of each operation."""
    assert main(["export", "--network", network, *PLANNING, "--list"]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    return [(int(number), kind) for number, kind in lines]


def test_export__a_key_switch_runs_on_the_simulated_units(network, tmp_path, capsys):
    number = next(n for n, kind in listed(network, capsys) if kind == "relinearize_rescale")
    file = tmp_path / "part.npz"
    words = ["export", "--network", network, *PLANNING, "--operations", str(number)]
    assert main([*words, "-o", str(file)]) == 0
    assert f"{file}: " in capsys.readouterr().out
    small = ["--butterflies", "2", "--lanes", "2", "--reduction", "montgomery"]
    assert rtl_main(["run", str(file), *small]) == 0
    said = capsys.readouterr().out
    assert "residues agree with the expected ones, bit for bit" in said
    assert "float64 sums and floors of overflow counts" in said
    program, data = program_file.load(file), program_file.load_data(file)
    assert np.array_equal(execute(program, data)["results"], data["output", "results"])


def test_export__the_whole_run(network, tmp_path, capsys):
    file = tmp_path / "whole.npz"
    assert main(["export", "--network", network, *PLANNING, "-o", str(file)]) == 0
    written = capsys.readouterr().out
    # The outputs are one more operation of the program than of the trace, and listed.
    assert f"of {len(listed(network, capsys))} operations" in written
    program, data = program_file.load(file), program_file.load_data(file)
    for name, array in execute(program, data).items():
        assert np.array_equal(array, data["output", name])


@pytest.mark.parametrize("words", ["99", "3..2", "x", "-1"])
def test_export__operations_that_do_not_exist(network, tmp_path, capsys, words):
    file = tmp_path / "part.npz"
    argument = f"--operations={words}"
    assert main(["export", "--network", network, *PLANNING, argument, "-o", str(file)]) == 2
    assert "A or A..B is needed, numbers from 0 to" in capsys.readouterr().err
    assert not file.exists()


def test_run__a_file_that_does_not_fit_is_named(network, tmp_path, capsys):
    missing = tmp_path / "missing.npz"
    assert rtl_main(["run", str(missing)]) == 2
    assert "ProgramDataError" in capsys.readouterr().err
    file = tmp_path / "whole.npz"
    assert main(["export", "--network", network, *PLANNING, "-o", str(file)]) == 0
    program = program_file.load(file)
    program_file.save(program, file)
    assert rtl_main(["run", str(file)]) == 2
    assert "a program without data" in capsys.readouterr().err
    data = {("output", "0"): np.zeros((2, 1, program.N), np.uint64)}
    program_file.save(program, file, data)
    assert rtl_main(["run", str(file)]) == 2
    assert "the program reads input '0', uint64 (2, " in capsys.readouterr().err
