"""``python -m nn plan``."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import nn
from nn.cli.main import main
from tests.nn.frontend.onnx_cases import chain, waves


def test_plan__prints_the_report(
    options: list[str], network: nn.Network, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *options]) == 0
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert capsys.readouterr().out == plan.report() + "\n"


def test_plan__json_is_the_plan(
    options: list[str], network: nn.Network, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert printed["network"] == "small"
    assert printed["parameters"]["N"] == 256
    assert printed["parameters"]["levels"] == plan.depth == plan.params.max_level
    assert printed["evaluation_key_bytes"] == plan.evaluation_key_bytes
    assert printed["predicted_error"] == plan.predicted_error.tolist()
    assert [stage["level_out"] for stage in printed["stages"]] == [
        stage.level_out for stage in plan.stages
    ]


def test_plan__takes_a_network_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--network", "mnist", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["parameters"]["security_estimate_bits"] >= 128
    # What the project promises of its smallest network.
    assert printed["evaluation_key_bytes"] <= 100e6


def test_plan__levels_has_a_row_for_each_stage(
    options: list[str], network: nn.Network, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *options, "--levels"]) == 0
    lines = capsys.readouterr().out.splitlines()
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert len(lines) == len(plan.stages) + 2
    for line, stage in zip(lines[1:], plan.stages, strict=False):
        assert line.startswith(stage.name)
        assert f"{stage.level_in}->{stage.level_out}" in line


def test_plan__svg_is_a_document(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pictures" / "plan.svg"
    assert main(["plan", *options, "--svg", str(path)]) == 0
    root = ElementTree.fromstring(path.read_text())
    assert root.tag.endswith("svg")
    capsys.readouterr()


def test_plan__of_an_onnx_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = (
        ("Gemm", [waves(6, 4), waves(4)], {}),
        ("Relu", [], {}),
        ("Gemm", [waves(4, 2), waves(2)], {}),
    )
    model = chain(*steps, shape=(6,))
    Path("m.onnx").write_bytes(model.SerializeToString())
    common = ["plan", "--network", "m.onnx", "--input-range", "-1", "1"]
    assert main(common) != 0
    assert "relu at 'Relu_1'" in capsys.readouterr().err
    np.savez("images.npz", images=np.random.default_rng(0).uniform(-1, 1, (300, 6)))
    assert main([*common, "--calibrate", "images.npz"]) == 0
    assert "network      model" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option",
    [
        ["--activation", "15,25"],
        ["--activation", "cheap"],
        ["--margin", "2"],
        ["--ranges", "layer"],
        ["--ranges", "channel"],
    ],
)
def test_plan__options_of_an_approximation_need_its_images(
    options: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *options, *option]) == 2
    printed = capsys.readouterr().err
    assert option[0] in printed
    assert "--calibrate FILE" in printed
