"""The stages of the suite: labels, bytes, and what the server's stage is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from benchmarks.suite import client_preprocess_input
from benchmarks.suite.build import build
from benchmarks.suite.driver import STAGES, run_size
from benchmarks.suite.places import BATCHED, DEVIATION, IMAGES, MEAN, PACKED, Places


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    build(folder)
    return folder


def test_stages__of_one_image(root: Path) -> None:
    stages, size = run_size(root, 0, repeats=1)
    assert [row.stage for row in stages] == list(STAGES)
    assert (size.images, size.layout, size.accuracy) == (1, PACKED, 1.0)
    assert size.key_bytes < 18_000_000
    plan = nn.read_plan((Places(0, root).model / "plan").read_bytes())
    assert size.key_bytes == plan.evaluation_key_bytes


def test_stages__the_server_needs_no_secret(root: Path) -> None:
    places = Places(0, root)
    if not places.upload.is_dir():
        run_size(root, 0, repeats=1)
    hidden = places.secret.rename(places.secret.with_name("hidden"))
    for path in places.download.iterdir():
        path.unlink()
    script = Path(client_preprocess_input.__file__).with_name("server_encrypted_compute.py")
    subprocess.run([sys.executable, script, "0"], cwd=root, check=True)
    assert len(list(places.download.iterdir())) == 1
    hidden.rename(places.secret)


def test_stages__of_a_thousand_images(root: Path) -> None:
    _, size = run_size(root, 2, repeats=1)
    assert (size.images, size.layout) == (1000, BATCHED)
    assert size.accuracy >= 0.99
    plan = nn.read_plan((Places(2, root).model / "plan").read_bytes())
    assert size.key_bytes == plan.evaluation_key_bytes < 2_000_000


def test_batched_plan__has_small_keys(root: Path) -> None:
    plan = nn.read_plan((Places(2, root).model / "plan").read_bytes())
    assert plan.evaluation_key_bytes < 2_000_000
    assert {Places(size).layout for size in (2, 3)} == {BATCHED}
    assert IMAGES == (1, 100, 1000, 10_000)


def test_pixels__are_those_before_the_normalisation(tmp_path: Path) -> None:
    places = Places(1, tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 784)) / 255
    places.pixels.parent.mkdir(parents=True)
    np.savetxt(places.pixels, (pixels - MEAN) / DEVIATION, fmt="%.6f")
    client_preprocess_input.main(places)
    found = np.load(places.prepared())
    assert found.shape == (3, 1, 28, 28)
    assert np.abs(found.reshape(3, -1) - pixels).max() < 1e-6
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("words", [[], ["4"], ["x"], ["0", "1"]])
def test_stage__without_a_size(words: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, client_preprocess_input.__file__, *words], capture_output=True, text=True
    )
    assert finished.returncode == 1
    assert "usage" in finished.stderr


def test_size__that_is_none() -> None:
    with pytest.raises(ValueError, match="sizes are 0 to 3"):
        Places(4)
