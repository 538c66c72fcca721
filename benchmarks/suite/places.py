"""The sizes of the workload, and where its stages read and write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NAMES = ("single", "small", "medium", "large", "cifar10")
IMAGES = (1, 100, 1000, 10_000, 1)
"""How many images our own driver gives each size. The stages take as many as the input has."""

SUITE_SIZES = 4
"""The suite's own sizes, all of MNIST; behind them stands one image for the zoo's ResNet-20."""

PACKED, BATCHED = "packed", "batched"
MNIST, CIFAR10 = "mnist", "cifar10"


@dataclass(frozen=True)
class Pixels:
    """The images of a network: their shape, and the mean and deviation of each channel.

    A line of input is (pixel - mean) / deviation.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def normalised(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Lines of input from pixels ``(B, *shape)`` in [0, 1]."""
        lines = (pixels - _by_channel(self.mean)) / _by_channel(self.deviation)
        return lines.reshape(len(pixels), -1)

    def pixels(self, lines: NDArray[np.float64]) -> NDArray[np.float32]:
        """Pixels ``(B, *shape)`` in [0, 1] from the numbers of the lines."""
        values = lines.reshape(-1, *self.shape)
        values = values * _by_channel(self.deviation) + _by_channel(self.mean)
        return np.clip(values, 0, 1).astype(np.float32)


def _by_channel(values: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(values)[:, np.newaxis, np.newaxis]


PIXELS = {
    MNIST: Pixels((1, 28, 28), (0.1307,), (0.3081,)),
    CIFAR10: Pixels((3, 32, 32), (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


class Places:
    """The files of one size under the workload's folder, by default the current one.

    Raises `ValueError` for a size that the workload does not have.
    """

    def __init__(self, size: int, root: Path | None = None) -> None:
        if not 0 <= size < len(NAMES):
            raise ValueError(f"size {size}: the sizes are 0 to {len(NAMES) - 1}")
        root = Path.cwd() if root is None else root
        name = NAMES[size]
        self.network = MNIST if size < SUITE_SIZES else CIFAR10
        self.layout = PACKED if IMAGES[size] <= 100 else BATCHED
        folder = self.layout if self.network == MNIST else self.network
        self.model = root / "submission" / "model" / folder
        data, io = root / "datasets" / name / "intermediate", root / "io" / name
        self.pixels = data / "test_pixels.txt"
        self.labels = data / "test_labels.txt"
        self.public = io / "public_keys"
        self.secret = io / "secret_key"
        self.upload = io / "ciphertexts_upload"
        self.download = io / "ciphertexts_download"
        self.between = io / "intermediate"
        self.predictions = io / "encrypted_model_predictions.txt"

    def prepared(self) -> Path:
        """The pixels as the network takes them."""
        return self.between / "pixels.npy"

    def logits(self) -> Path:
        """The decrypted logits."""
        return self.between / "logits.npy"


def fresh_folder(folder: Path) -> Path:
    """A folder without files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    return folder


def run_stage(stage: Callable[[Places], None]) -> None:
    """Run a stage for the size in the command line's first word."""
    if len(sys.argv) != 2 or sys.argv[1] not in map(str, range(len(NAMES))):
        sys.exit(f"usage: python {Path(sys.argv[0]).name} SIZE, from 0 to {len(NAMES) - 1}")
    stage(Places(int(sys.argv[1])))
