"""``python -m benchmarks deep``, on a network of three layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.main import main


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A network without statistics, and images of bytes for it."""
    rng = np.random.default_rng(0)
    nodes = (
        nn.Node("conv", nn.Conv2d(rng.normal(size=(2, 1, 3, 3)) / 4, np.zeros(2)), ("input",)),
        nn.Node("act", nn.Polynomial([0.1, 0.5, 0.25]), ("conv",)),
        nn.Node("flatten", nn.Flatten(), ("act",)),
        nn.Node("fc", nn.Linear(rng.normal(size=(3, 32)) / 6, np.zeros(3)), ("flatten",)),
    )
    network = tmp_path / "small.network"
    nn.save(nn.Network("small", (1, 6, 6), nodes, (-2.0, 2.0)), network)
    images = tmp_path / "images.npz"
    pixels = rng.integers(0, 256, (9, 1, 6, 6)).astype(np.uint8)
    np.savez(images, images=pixels, mean=[0.5], std=[0.25])
    return network, images


def test_deep__measures_every_step(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, images = files
    result = tmp_path / "deep.json"
    words = ["deep", "--network", str(network), "--images", str(images), "--count", "2"]
    folder = ["--memory-bytes", "0", "--weights-folder", str(tmp_path / "weights")]
    way = ["--no-bootstrap", "--ring-degree", "16384"]
    assert main([*words, *folder, *way, "--json", str(result)]) == 0
    (row,) = json.loads(result.read_text())["rows"]
    assert (row["network"], row["images"], row["same_class"]) == ("small", 2, 2)
    assert len(row["image_s"]) == 2
    assert (row["bootstraps"], row["parameters"]["N"]) == (0, 16384)
    assert row["within"]
    assert row["largest_error"] <= row["predicted_error"]
    assert [stage["level"] for stage in row["stages"]][-1] == 0
    assert "2 of 2 of the same class" in capsys.readouterr().out


def test_deep__refuses_a_file_without_images(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    network, _ = files
    assert main(["deep", "--network", str(network), "--images", str(network)]) != 0
    assert "holds no images" in capsys.readouterr().err
    assert main(["deep", "--network", str(network)]) == 2
    assert "--images FILE is needed" in capsys.readouterr().err


def test_deep__takes_the_images_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deep", "--network", "breast_cancer", "--count", "3"]) == 0
    assert "3 of 3 of the same class" in capsys.readouterr().out
