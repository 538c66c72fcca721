"""PNG and NumPy files as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

import nn
from nn.cli.image_files import ImageFileError, read_images
from nn.errors import ShapeError


def save(path: Path, pixels: np.ndarray) -> Path:
    image.imsave(path, pixels)
    return path


@pytest.fixture
def colours() -> nn.Network:
    """A network on images (3, 4, 5)."""
    layers = (
        nn.Node("flatten", nn.Flatten(), ("input",)),
        nn.Node("fc", nn.Linear(np.ones((2, 60)), np.zeros(2)), ("flatten",)),
    )
    return nn.Network("colours", (3, 4, 5), layers)


def test_read_images__colours_become_luminance(network: nn.Network, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    found = read_images(network, save(tmp_path / "a.png", pixels))
    red, green, blue = np.moveaxis(pixels / 255, 2, 0)
    # matplotlib reads pixels in float32: 2^-24 relative, three terms.
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    np.testing.assert_allclose(found, expected[None, None], atol=3 * 2**-24)


def test_read_images__channels_first(colours: nn.Network, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    found = read_images(colours, save(tmp_path / "a.png", pixels))
    np.testing.assert_allclose(found, np.moveaxis(pixels / 255, 2, 0)[None], atol=2**-24)


def test_read_images__invert(network: nn.Network, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).uniform(size=(6, 6))
    np.save(tmp_path / "a.npy", pixels)
    found = read_images(network, tmp_path / "a.npy", invert=True)
    np.testing.assert_allclose(found[0, 0], 1 - pixels, rtol=0, atol=2**-52)


def test_read_images__batch_in_a_numpy_file(network: nn.Network, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 6, 6)))
    assert read_images(network, tmp_path / "a.npy").shape == (3, 1, 6, 6)


def test_read_images__transparency_is_refused(network: nn.Network, tmp_path: Path) -> None:
    pixels = np.full((6, 6, 4), 255, dtype=np.uint8)
    assert read_images(network, save(tmp_path / "opaque.png", pixels)).shape == (1, 1, 6, 6)
    pixels[0, 0, 3] = 0
    with pytest.raises(ImageFileError, match="transparen"):
        read_images(network, save(tmp_path / "clear.png", pixels))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_read_images__damaged_files_are_named(
    network: nn.Network, content: bytes, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="damaged"):
        read_images(network, path)


def test_read_images__wrong_size(network: nn.Network, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.zeros((28, 28, 3), dtype=np.uint8))
    with pytest.raises(ShapeError, match=r"a\.png has 28 x 28 pixels.*takes 6 x 6"):
        read_images(network, path)


def test_read_images__a_picture_for_a_network_on_vectors(tmp_path: Path) -> None:
    node = nn.Node("fc", nn.Linear(np.ones((2, 36)), np.zeros(2)), ("input",))
    network = nn.Network("vectors", (36,), (node,))
    with pytest.raises(ShapeError, match=r"\(36,\)"):
        read_images(network, save(tmp_path / "a.png", np.zeros((6, 6, 3), dtype=np.uint8)))
