"""Images and labels for the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nn
from nn.cli.data import as_images, class_names, load_data
from nn.errors import InputRangeError, NetworkFileError, ShapeError, ZooError


def test_load_data__zoo() -> None:
    network = nn.zoo.load("mnist")
    pixels, labels = nn.zoo.test_images("mnist")
    found = load_data(network, None)
    np.testing.assert_array_equal(found.images, pixels)
    np.testing.assert_array_equal(found.labels, labels)


def test_load_data__no_images_for_that_network(network: nn.Network) -> None:
    with pytest.raises(ZooError, match=r"'small'.*--data"):
        load_data(network, None)


def test_load_data__file(network: nn.Network, files: dict[str, Path], images: np.ndarray) -> None:
    found = load_data(network, files["data"])
    assert len(found) == 12
    np.testing.assert_array_equal(found.images[:, 0] * 255, images)
    np.testing.assert_array_equal(found.at([7, 0]).images, found.images[[7, 0]])
    np.testing.assert_array_equal(found.first(5).labels, found.labels[:5])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"\x93NUMPY"])
def test_load_data__damaged_file(network: nn.Network, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(NetworkFileError, match=r"data\.npz"):
        load_data(network, path)


def test_load_data__single_array_or_missing_labels(network: nn.Network, tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros((2, 6, 6)))
    with pytest.raises(NetworkFileError, match="images and labels"):
        load_data(network, tmp_path / "array.npy")
    np.savez(tmp_path / "images.npz", images=np.zeros((2, 6, 6)))
    with pytest.raises(NetworkFileError, match="labels"):
        load_data(network, tmp_path / "images.npz")


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros((2, 1), int), np.zeros(2)])
def test_load_data__wrong_labels(network: nn.Network, labels: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.zeros((2, 6, 6)), labels=labels)
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        load_data(network, tmp_path / "data.npz")


@pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6), (1, 1, 6, 6), (4, 6, 6), (4, 1, 6, 6)])
def test_as_images__shapes(network: nn.Network, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    batch = as_images(network, pixels, "here")
    assert batch.shape == (pixels.size // 36, 1, 6, 6)
    assert batch.dtype == np.float64
    np.testing.assert_array_equal(batch.ravel(), pixels.ravel() / 255)


def test_as_images__floats_are_taken_as_they_are(network: nn.Network) -> None:
    values = np.linspace(0, 1, 36, dtype=np.float32).reshape(6, 6)
    np.testing.assert_array_equal(as_images(network, values, "here")[0, 0], values)


@pytest.mark.parametrize("shape", [(5, 6), (6,), (2, 6, 6, 1), (2, 2, 6, 6), (0, 6, 6)])
def test_as_images__other_shapes_are_refused(network: nn.Network, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="small"):
        as_images(network, np.zeros(shape), "here")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_as_images__values_out_of_range_are_refused(network: nn.Network, value: float) -> None:
    with pytest.raises(InputRangeError):
        as_images(network, np.full((6, 6), value), "here")


@pytest.mark.parametrize("dtype", [np.complex128, "U3", bool])
def test_as_images__other_dtypes_are_refused(network: nn.Network, dtype: object) -> None:
    with pytest.raises(InputRangeError, match="here"):
        as_images(network, np.zeros((6, 6)).astype(dtype), "here")  # type: ignore[call-overload]


def test_class_names__zoo_or_numbers(network: nn.Network) -> None:
    assert class_names(network) == ("0", "1", "2", "3", "4")
    assert class_names(nn.zoo.load("fashion_mnist"))[9] == "Ankle boot"
