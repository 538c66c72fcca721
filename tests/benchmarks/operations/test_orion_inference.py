"""Networks of the zoo as Orion is given them, and Orion in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.main import main
from benchmarks.operations.orion_inference import run_orion, squared
from nn.network.layers import Conv2d, Linear

ROW = {
    "library": "Orion", "version": "1", "N": 8192, "median_s": 0.4, "largest_error": 0.03,
    "ciphertext_bytes": 786432, "parameters": {"log_qp": 217},
}  # fmt: skip


def _interpreter(folder: Path, script: str) -> str:
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_squared__is_the_same_network(name: str) -> None:
    network, images = nn.zoo.load(name), nn.zoo.test_images(name)[0][:20]
    arrays = squared(network)
    x = images
    for number, kind in enumerate(arrays["kinds"]):
        if kind == "square":
            x = x**2
        elif kind == "flatten":
            x = x.reshape(len(x), -1)
        elif kind == "linear":
            x = Linear(arrays[f"weight{number}"], arrays[f"bias{number}"]).forward(x)
        else:
            stride, padding = arrays[f"places{number}"].tolist()
            weight, bias = arrays[f"weight{number}"], arrays[f"bias{number}"]
            x = Conv2d(weight, bias, (stride, stride), (padding, padding)).forward(x)
    assert np.allclose(x, network(images), rtol=0, atol=1e-9 * np.abs(x).max())


def test_squared__refuses_other_layers() -> None:
    with pytest.raises(nn.NetworkError, match="Orion is measured on"):
        squared(nn.zoo.load("cifar10"))


def test_run_orion__reads_the_row_of_its_own_python(tmp_path: Path) -> None:
    python = _interpreter(tmp_path, f"test -f $3 && echo noise && echo '{json.dumps(ROW)}'")
    row, reason = run_orion("mnist", 3, python)
    assert row is not None
    assert not reason
    assert (row.library, row.network, row.median_s) == ("Orion", "mnist", 0.4)
    assert row.evaluation_key_bytes is None
    assert row.parameters == {"log_qp": 217, "largest_error": 0.03}


def test_run_orion__says_why_there_is_no_row(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import runpy, sys\n"
        "sys.modules['orion'] = None\n"
        "sys.argv = ['peer', 'no file']\n"
        "runpy.run_module('benchmarks.peers.orion_network', run_name='__main__')\n"
    )
    row, reason = run_orion("mnist", 3, _interpreter(tmp_path, f"exec {sys.executable} {program}"))
    assert row is None
    assert reason.startswith("not installed:")


def test_inference__orions_python_needs_peers_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inference", "--orion-python", sys.executable]) == 2
    assert "add --peers" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["inference", "--peers", "--orion-python", str(tmp_path / "none")])
    assert "is no file" in capsys.readouterr().err
