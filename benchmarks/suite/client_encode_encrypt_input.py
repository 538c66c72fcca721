"""Stage: encrypt the images, in runs of as many as the plan takes."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.places import PACKED, Places, fresh_folder, run_stage
from benchmarks.suite.stored_client import client_of


def main(places: Places) -> None:
    """Write one file for each run."""
    pixels = np.load(places.prepared())
    with client_of(places) as client:
        at_once = len(pixels) if places.layout == PACKED else client.plan.images
        folder = fresh_folder(places.upload)
        for run, start in enumerate(range(0, len(pixels), at_once)):
            encrypted = client.encrypt(pixels[start : start + at_once])
            (folder / f"{run:04}").write_bytes(encrypted.to_bytes())


if __name__ == "__main__":
    run_stage(main)
