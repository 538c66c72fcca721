"""``python -m nn demo``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

import nn
from nn.cli.main import main


def run_demo(words: list[str], output: Path) -> None:
    assert main(["demo", *words, "--output", str(output), "--threads", "1"]) == 0


def test_demo__prints_answers_layers_and_bytes(
    options: list[str],
    data: list[str],
    network: nn.Network,
    images: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_demo([*options, *data, "--images", "10"], tmp_path / "demo.png")
    printed = capsys.readouterr()
    answers, layers = printed.out.split("Stages")
    rows = [line.split() for line in answers.splitlines() if line.split()[:1] != []]
    rows = [row for row in rows if row[0].isdigit()]
    classes = network(images[:10, None] / 255).argmax(axis=1).tolist()
    truths = [answer if k != 3 else (answer + 1) % 5 for k, answer in enumerate(classes)]
    assert [list(map(int, row[:4])) for row in rows] == [
        [k, answer, answer, truth]
        for k, (answer, truth) in enumerate(zip(classes, truths, strict=True))
    ]
    assert [row[4] == "wrong" for row in rows] == [k == 3 for k in range(10)]
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    for stage in plan.stages:
        assert f"{stage.level_in} to {stage.level_out}" in layers
        assert stage.name in layers
        assert stage.name in printed.err  # its progress
    assert "evaluation keys" in layers
    assert "an encrypted image" in layers
    assert "9 of 10 right" in layers


def test_demo__precision_is_at_least_the_predicted(
    options: list[str],
    data: list[str],
    network: nn.Network,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_demo([*options, *data, "--images", "4"], tmp_path / "demo.png")
    answers = capsys.readouterr().out.split("Stages")[0]
    rows = [line.split() for line in answers.splitlines() if line.split()]
    bits = [float(row[-1]) for row in rows if row[0].isdigit()]
    plan = nn.compile(network, N=256, insecure_reason="unit test")
    assert len(bits) == 4
    assert min(bits) >= plan.predicted_bits - 0.05  # printed to one decimal


@pytest.mark.parametrize("count", [1, 12])
def test_demo__picture_shows_the_images(
    count: int, options: list[str], data: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "demo.png"
    run_demo([*options, *data, "--images", str(count)], path)
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 600
    # Right answers, the predicted bound, and bars, each in a colour of its own.
    for colour in ("1b7f5c", "c8312b", "3567a8"):
        target = np.array([int(colour[k : k + 2], 16) / 255 for k in (0, 2, 4)])
        assert (np.abs(pixels - target).max(axis=2) < 0.02).any()


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_demo__other_formats(
    suffix: str, options: list[str], data: list[str], tmp_path: Path
) -> None:
    path = tmp_path / f"demo{suffix}"
    run_demo([*options, *data, "--images", "2"], path)
    start = path.read_bytes()[:200]
    assert start.startswith(b"%PDF") or b"<svg" in start or b"<?xml" in start


def test_demo__more_images_than_are_drawn(
    options: list[str], files: dict[str, Path], images: np.ndarray, tmp_path: Path
) -> None:
    many = tmp_path / "many.npz"
    np.savez(many, images=np.tile(images, (3, 1, 1)), labels=np.zeros(36, dtype=np.int64))
    run_demo([*options, "--data", str(many), "--images", "36"], tmp_path / "demo.png")
    assert (tmp_path / "demo.png").stat().st_size > 0
