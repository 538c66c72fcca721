"""Train the zoo's `fashion_mnist`: ``python -m nn.zoo.train_fashion_mnist --data FOLDER``."""

import sys

from nn.zoo.training import Recipe, main

RECIPE = Recipe(
    name="fashion_mnist",
    channels=16,
    zoom=0.05,
    shift=1,
    flip=True,
    value_limit=6.0,
    value_penalty=20.0,
)

if __name__ == "__main__":
    sys.exit(
        main(
            RECIPE,
            "Fashion-MNIST (Xiao, Rasul, Vollgraf; Zalando Research): the Debian package "
            "dataset-fashion-mnist holds the four IDX files in /usr/share/datasets/fashion-mnist.",
        )
    )
