"""``python -m nn bench``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nn
from nn.cli.batched_bench import fail_if_wrong
from nn.cli.main import main


@pytest.mark.parametrize("batch", [1, 3])
def test_bench__writes_what_was_measured(
    batch: int,
    options: list[str],
    data: list[str],
    network: nn.Network,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "results" / "bench.json"
    words = ["--threads", "1", "--repeats", "3", "--batch", str(batch), "--json", str(file)]
    assert main(["bench", *options, *data, *words]) == 0
    assert "peak memory" in capsys.readouterr().out
    result = json.loads(file.read_text())

    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert result["evaluation_key_bytes"] == plan.evaluation_key_bytes
    assert result["batch"] == batch
    assert result["repeats"] == 3
    assert result["threads"] == 1
    smallest, median = result["server_seconds_smallest"], result["server_seconds_median"]
    assert 0 < smallest <= median <= result["server_seconds_largest"]
    assert sum(stage["seconds_median"] for stage in result["stages"]) <= 3 * median
    assert result["peak_rss_bytes"] > 1e6
    assert result["largest_error"] <= result["predicted_error_largest"]
    assert result["command"].startswith("python -m nn bench --network")
    assert result["parameters"]["N"] == 256
    assert result["backend"] in ("scalar", "fma", "ifma")
    assert result["machine"]["cpu"]
    assert set(result) >= {"commit", "date", "encrypted_image_bytes", "encrypted_answer_bytes"}


def test_bench__names_of_the_stages_are_the_plans(
    options: list[str], data: list[str], network: nn.Network, tmp_path: Path
) -> None:
    file = tmp_path / "bench.json"
    assert main(["bench", *options, *data, "--repeats", "1", "--json", str(file)]) == 0
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    stages = json.loads(file.read_text())["stages"]
    assert [(s["name"], s["level_in"], s["level_out"]) for s in stages] == [
        (s.name, s.level_in, s.level_out) for s in plan.stages
    ]


def test_bench__batched_integers_are_compared_and_written(
    options: list[str], data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    words = ["--scheme", "bfv", "--batched", "--images", "9", "--repeats", "2"]
    assert main(["bench", *options, *data, *words, "--json", str(file)]) == 0
    assert "0 of 9 images" in capsys.readouterr().out
    result = json.loads(file.read_text())
    assert (result["images"], result["repeats"], result["threads"]) == (9, 2, 1)
    assert (result["images_compared"], result["images_with_a_wrong_integer"]) == (9, 0)
    assert result["server_seconds_smallest"] <= result["server_seconds_median"]
    assert all(layer["seconds_median"] >= 0 for layer in result["layers"])
    assert all(parameters["plain_modulus"] > 1 for parameters in result["parameters"])
    assert 0 < result["encrypted_answers_bytes"] < result["encrypted_images_bytes"]
    assert {"commit", "command", "machine", "backend", "peak_rss_bytes"} <= set(result)


def test_bench__batched_options_that_contradict_are_told(
    options: list[str], data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options, *data, "--scheme", "bfv", "--precision", "3"]) == 2
    assert "is exact" in capsys.readouterr().err


def test_bench__batched_numbers_are_held_to_the_predicted_error(
    options: list[str], data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    words = ["--scheme", "ckks", "--batched", "--precision", "2", "--repeats", "1"]
    assert main(["bench", *options, *data, *words, "--json", str(file)]) == 0
    assert "0 of 12 images beyond the predicted error" in capsys.readouterr().out
    result = json.loads(file.read_text())
    assert (result["images_compared"], result["images_beyond_the_predicted_error"]) == (12, 0)
    assert 0 < result["largest_error"] <= result["predicted_error_largest"]
    assert result["layers"]
    assert (result["scheme"], result["layout"]) == ("ckks", "batched")


@pytest.mark.parametrize("kind", ["with_a_wrong_integer", "beyond_the_predicted_error"])
def test_bench__wrong_answers_fail_the_command(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_if_wrong({f"images_{kind}": 3}) == 1
    assert f"3 images {kind.replace('_', ' ')}" in capsys.readouterr().err
    assert fail_if_wrong({f"images_{kind}": 0}) == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--images", "3"], "--images 3"),
        (["--input-bits", "3"], "--input-bits 3"),
        (["--batched", "--batch", "2"], "--batch 2"),
        (["--batched", "--memory", "1"], "--memory"),
        (["--scheme", "bfv", "--weights-folder", "x"], "--weights-folder x"),
    ],
)
def test_bench__options_of_the_other_layout_are_refused(
    words: list[str], named: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options, *words]) == 2
    printed = capsys.readouterr().err
    assert named in printed
    assert "has no effect" in printed
    assert not Path("x").exists()
