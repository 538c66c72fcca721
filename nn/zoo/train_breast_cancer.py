"""Train the zoo's `breast_cancer`: ``python -m nn.zoo.train_breast_cancer``."""

import sys

import numpy as np

from nn.zoo.small_networks import Data, Recipe, main, table_network

RECIPE = Recipe(
    name="breast_cancer", build=table_network, input_range=(0.0, 1.0), steps=300, noise=0.05
)
SOURCE = (
    "The Wisconsin breast cancer set (Wolberg, Street, Mangasarian, 1995) is part of scikit-learn: "
    "pip install scikit-learn"
)
TEST_ROWS = 171


def read() -> Data:
    """Features scaled to [0, 1] by the training rows' ranges, and clamped; 398 and 171 rows."""
    from sklearn.datasets import load_breast_cancer

    features, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(features))
    test, kept = order[:TEST_ROWS], order[TEST_ROWS:]
    low, high = features[kept].min(axis=0), features[kept].max(axis=0)
    scaled = np.clip((features - low) / (high - low), 0, 1).astype(np.float32)
    labels = labels.astype(np.int64)
    return scaled[kept], labels[kept], scaled[test], labels[test]


if __name__ == "__main__":
    sys.exit(main(RECIPE, read, SOURCE))
