"""Random modules: each converts and is equal to the module, or raises a named error."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn

import nn
from nn.errors import NetworkError
from tests.nn.frontend.torch_cases import ACTIVATIONS, IMAGE, IMAGE_FUNCTIONS, LAYERS, tensor
from tests.nn.frontend.torch_refused import FUNCTIONS

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's remarks on its own modules

STEPS: list[Any] = [
    *IMAGE_FUNCTIONS.values(),
    *(module for module, shape in LAYERS.values() if shape == IMAGE),
    *ACTIVATIONS.values(),
]

REFUSED: list[Any] = [body for body, _ in FUNCTIONS.values()]


class Chain(torch_nn.Module):
    """Steps behind one another; each may read what an earlier one gave."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        pools = [REFUSED if rng.random() < 0.05 else STEPS for _ in range(rng.randint(1, 4))]
        self.steps = [rng.choice(pool) for pool in pools]
        self.joined = [rng.random() < 0.2 for _ in self.steps]

    def forward(self, x: Tensor) -> Any:
        before = x
        for step, joined in zip(self.steps, self.joined, strict=True):
            made = step(x) if isinstance(step, torch_nn.Module) else step(self, x)
            before, x = x, made + before if joined else made
        return x


@pytest.mark.parametrize("block", range(10))
def test_from_torch__random_modules_convert_or_raise_named_errors(block: int) -> None:
    converted = 0
    for seed in range(12):
        module = Chain(random.Random(100 * block + seed)).eval()
        for step in module.steps:
            if isinstance(step, torch_nn.Module):
                step.float().eval()
        try:
            network = nn.from_torch(module, tensor(2, *IMAGE, seed=3), input_range=(-5, 5))
        except NetworkError:
            continue
        converted += 1
        images = tensor(3, *IMAGE, seed=5)
        with torch.no_grad():
            leaves = torch.utils._pytree.tree_leaves(module(images))
        found = network.finished(network(images.double().numpy()))
        parts = [found] if isinstance(found, np.ndarray) else found
        for part, leaf in zip(parts, leaves, strict=True):
            expected = leaf.double().numpy()
            size = max(1.0, float(np.abs(expected).max()))
            assert np.allclose(part.reshape(expected.shape), expected, rtol=1e-3, atol=1e-3 * size)
    assert converted > 0
