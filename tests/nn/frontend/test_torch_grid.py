"""Every kind of PyTorch model: converted and equal to the model, or refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils import _pytree

import nn
from nn.errors import NetworkError
from tests.nn.frontend.torch_cases import CONVERTED, case, tensor
from tests.nn.frontend.torch_refused import REFUSED, refused

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's remarks on its own modules
IMAGES = 3


def answers(model: Any, images: torch.Tensor) -> list[NDArray[np.float64]]:
    """What the model itself returns in float64, all outputs in order."""
    model = model.module() if isinstance(model, torch.export.ExportedProgram) else model
    model = getattr(model, "_orig_mod", model)
    try:
        model.eval()
    except NotImplementedError:  # a program exported for two images
        images = images[:2]
    with torch.no_grad():
        output = model.double()(images.double())
    return [leaf.numpy() for leaf in _pytree.tree_leaves(output)]


@pytest.mark.parametrize("name", CONVERTED)
def test_from_torch__converts(name: str) -> None:
    torch.manual_seed(0)
    model, shape = case(name)
    network = nn.from_torch(model, tensor(2, *shape, seed=3), input_range=(-5, 5))
    images = tensor(IMAGES, *shape, seed=4)
    expected = answers(model, images)
    found = network.finished(network(images[: len(expected[0])].double().numpy()))
    parts = [found] if isinstance(found, np.ndarray) else list(found)
    assert len(parts) == len(expected)
    for part, wanted in zip(parts, expected, strict=True):
        assert part.reshape(wanted.shape).shape == wanted.shape
        # Float64 in another order; half and bfloat16 modules ran in float64 too.
        assert np.allclose(part.reshape(wanted.shape), wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", REFUSED)
def test_from_torch__refuses(name: str) -> None:
    torch.manual_seed(0)
    model, shape, message = refused(name)
    with pytest.raises(NetworkError, match=rf"(?s){message}"):
        nn.from_torch(model, tensor(2, *shape, seed=3), input_range=(-5, 5))


def test_grid__is_large() -> None:
    assert len(set(CONVERTED)) == len(CONVERTED) >= 200
    assert len(set(REFUSED)) == len(REFUSED) >= 80
