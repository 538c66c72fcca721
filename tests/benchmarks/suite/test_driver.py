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
from benchmarks.suite.places import BATCHED, IMAGES, PACKED, PIXELS, Places


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
    assert IMAGES == (1, 100, 1000, 10_000, 1)


@pytest.mark.parametrize("size", [1, 4])
def test_pixels__are_those_before_the_normalisation(tmp_path: Path, size: int) -> None:
    places = Places(size, tmp_path)
    images, _ = nn.zoo.test_images(places.network)
    pixels = images[:3].astype(np.float64)
    about = PIXELS[places.network]
    assert pixels.shape[1:] == about.shape == nn.zoo.load(places.network).input_shape
    places.pixels.parent.mkdir(parents=True)
    np.savetxt(places.pixels, about.normalised(pixels), fmt="%.6f")
    client_preprocess_input.main(places)
    found = np.load(places.prepared())
    assert found.dtype == np.float32
    # Six digits of values that the deviation, below 0.31, brings back to pixels.
    assert np.abs(found - pixels).max() < 1e-6
    assert found.min() >= 0
    assert found.max() <= 1


def test_lines__are_normalised_by_channel() -> None:
    about = PIXELS["cifar10"]
    pixels = np.stack([np.full((32, 32), value) for value in (0.1, 0.2, 0.3)])[np.newaxis]
    lines = about.normalised(pixels).reshape(3, -1)
    for channel, value in enumerate((0.1, 0.2, 0.3)):
        expected = (value - about.mean[channel]) / about.deviation[channel]
        np.testing.assert_allclose(lines[channel], expected)


@pytest.mark.parametrize("words", [[], ["5"], ["x"], [""], ["12"], ["0", "1"]])
def test_stage__without_a_size(words: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, client_preprocess_input.__file__, *words], capture_output=True, text=True
    )
    assert finished.returncode == 1
    assert "usage" in finished.stderr


def test_size__that_is_none() -> None:
    with pytest.raises(ValueError, match="sizes are 0 to 4"):
        Places(5)
