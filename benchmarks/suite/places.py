"""The sizes of the workload, and where its stages read and write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

NAMES = ("single", "small", "medium", "large")
IMAGES = (1, 100, 1000, 10_000)
"""How many images our own driver gives each size. The stages take as many as the input has."""

MEAN, DEVIATION = 0.1307, 0.3081
"""Of the pixels of MNIST: the suite's input is (pixel - mean) / deviation."""

PACKED, BATCHED = "packed", "batched"


class Places:
    """The files of one size under the workload's folder, by default the current one.

    Raises `ValueError` for a size that the workload does not have.
    """

    def __init__(self, size: int, root: Path | None = None) -> None:
        if not 0 <= size < len(NAMES):
            raise ValueError(f"size {size}: the sizes are 0 to {len(NAMES) - 1}")
        root = Path.cwd() if root is None else root
        name = NAMES[size]
        self.layout = PACKED if IMAGES[size] <= 100 else BATCHED
        self.model = root / "submission" / "model" / self.layout
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
    if len(sys.argv) != 2 or sys.argv[1] not in "0123":
        sys.exit(f"usage: python {Path(sys.argv[0]).name} SIZE, from 0 to {len(NAMES) - 1}")
    stage(Places(int(sys.argv[1])))
