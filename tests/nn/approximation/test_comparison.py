"""The table of approximations, and `from_torch` with an activation in one word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nn
from nn.errors import ApproximationError


@pytest.fixture(scope="module")
def converted():
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(20, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)
    ).eval()
    images = np.random.default_rng(0).uniform(0, 1, (80, 20))
    return module, images


def test_comparison__has_a_row_for_each_way(converted):
    module, images = converted
    network = nn.from_torch(module, images[:4], input_range=(0, 1))
    labels = network(images).argmax(axis=1)
    table = nn.compare_approximations(network, images, labels, ways=("cheap", 7, 300))
    exact, cheap, seven, far = table.rows
    assert (exact.right, exact.agreement, exact.levels) == (1.0, 1.0, None)
    assert cheap.right is not None
    assert cheap.levels is not None
    assert seven.levels is not None
    assert cheap.levels == 2 + sum(site.levels for site in cheap.approximation.sites)
    assert seven.milliseconds is not None
    assert seven.milliseconds > 0
    assert far.failure.startswith("degree 300")
    printed = str(table)
    assert "in the clear" in printed
    assert "degree 300: degree 300" in printed
    assert f"{seven.ring:,}" in printed


def test_from_torch__replaces_activations_where_it_is_asked_to(converted):
    module, images = converted
    network = nn.from_torch(
        module, images[:4], input_range=(0, 1), activation="cheap", calibration=images
    )
    assert network.statistics is not None
    plain = nn.from_torch(module, images[:4], input_range=(0, 1))
    assert (network(images) == nn.approximate(plain, images)(images)).all()
    nn.compile(network)
    with pytest.raises(ApproximationError, match="calibration=images"):
        nn.from_torch(module, images[:4], input_range=(0, 1), activation=7)
