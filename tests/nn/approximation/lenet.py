"""A LeNet-5 with ReLU and max-pool, trained on bundled images in half a minute; seeded."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn as torch_nn

import nn

TRAINED_ON = 8000
"""The first of the bundled MNIST images; the others are for tests."""


class LeNet5(torch_nn.Sequential):
    """Two convolutions with ReLU and max-pool, and three linear layers."""

    def __init__(self) -> None:
        super().__init__(
            torch_nn.Conv2d(1, 6, 5, padding=2),
            torch_nn.ReLU(),
            torch_nn.MaxPool2d(2),
            torch_nn.Conv2d(6, 16, 5),
            torch_nn.ReLU(),
            torch_nn.MaxPool2d(2),
            torch_nn.Flatten(),
            torch_nn.Linear(400, 120),
            torch_nn.ReLU(),
            torch_nn.Linear(120, 84),
            torch_nn.ReLU(),
            torch_nn.Linear(84, 10),
        )


def split() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images and labels to train on, and to test with."""
    images, labels = nn.zoo.test_images("mnist")
    return (images[:TRAINED_ON], labels[:TRAINED_ON]), (images[TRAINED_ON:], labels[TRAINED_ON:])


@functools.cache
def trained(epochs: int = 6) -> LeNet5:
    """The trained module, in evaluation mode."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    (images, labels), _ = split()
    x, y = torch.tensor(images, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    module = LeNet5()
    optimizer = torch.optim.Adam(module.parameters(), 2e-3, weight_decay=1e-4)
    steps = epochs * -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            optimizer.zero_grad()
            torch_nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return module.eval()
