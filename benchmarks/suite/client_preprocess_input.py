"""Stage: read the images, one a line, and undo the suite's normalisation of pixels."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.places import PIXELS, Places, run_stage


def main(places: Places) -> None:
    """Write the pixels (B, channels, height, width), float32 from 0 to 1."""
    numbers = np.array(places.pixels.read_bytes().split(), dtype=np.float64)
    places.between.mkdir(parents=True, exist_ok=True)
    np.save(places.prepared(), PIXELS[places.network].pixels(numbers))


if __name__ == "__main__":
    run_stage(main)
