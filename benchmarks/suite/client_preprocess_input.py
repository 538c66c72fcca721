"""Stage: read the images, one a line, and undo the suite's normalisation of pixels."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.places import DEVIATION, MEAN, Places, run_stage


def main(places: Places) -> None:
    """Write the pixels (B, 1, 28, 28), float32 from 0 to 1."""
    numbers = np.array(places.pixels.read_bytes().split(), dtype=np.float64)
    pixels = np.clip(numbers * DEVIATION + MEAN, 0, 1).reshape(-1, 1, 28, 28)
    places.between.mkdir(parents=True, exist_ok=True)
    np.save(places.prepared(), pixels.astype(np.float32))


if __name__ == "__main__":
    run_stage(main)
