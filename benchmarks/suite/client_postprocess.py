"""Stage: the label of each image, one a line."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.places import Places, run_stage


def main(places: Places) -> None:
    """Write the labels."""
    labels = np.load(places.logits()).argmax(axis=1)
    places.predictions.write_text("".join(f"{label}\n" for label in labels), encoding="ascii")


if __name__ == "__main__":
    run_stage(main)
