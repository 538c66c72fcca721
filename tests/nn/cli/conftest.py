"""A small network in a file, with images, and the options that plan it in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nn
from tests.nn.samples import small

RING_DEGREE = 256


@pytest.fixture(scope="session")
def network() -> nn.Network:
    """conv - square - linear on images (1, 6, 6): five classes, three levels."""
    return small()


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Pixels (12, 6, 6) uint8."""
    return np.random.default_rng(8).integers(0, 256, (12, 6, 6), dtype=np.uint8)


@pytest.fixture(scope="session")
def files(
    tmp_path_factory: pytest.TempPathFactory, network: nn.Network, images: np.ndarray
) -> dict[str, Path]:
    """The network and a data file whose labels are the network's own answers but one."""
    folder = tmp_path_factory.mktemp("small")
    labels = network(images[:, None] / 255).argmax(axis=1)
    labels[3] = (labels[3] + 1) % 5
    nn.save(network, folder / "small.npz")
    np.savez(folder / "data.npz", images=images, labels=labels)
    return {"network": folder / "small.npz", "data": folder / "data.npz"}


@pytest.fixture
def options(files: dict[str, Path]) -> list[str]:
    """Options that every command takes, for a plan of a small ring degree."""
    return [
        "--network",
        str(files["network"]),
        "--ring-degree",
        str(RING_DEGREE),
        "--insecure-reason",
        "unit test",
    ]


@pytest.fixture
def data(files: dict[str, Path]) -> list[str]:
    """The option that names the images."""
    return ["--data", str(files["data"])]
