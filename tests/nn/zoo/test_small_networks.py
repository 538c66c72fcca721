"""Training of the networks for a table and for a signal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from nn import zoo
from nn.zoo import small_networks
from nn.zoo.small_networks import Recipe, signal_network, table_network
from nn.zoo.train_breast_cancer import RECIPE as TABLE
from nn.zoo.train_gun_point import RECIPE as SIGNAL
from nn.zoo.training import export

RNG = np.random.default_rng(8)


def rows_of(recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes that differ by their mean."""
    shape = (40, 30) if recipe is TABLE else (40, 1, 150)
    labels = torch.arange(40) % 2
    values = RNG.uniform(0, 0.5, shape) + 0.4 * labels.numpy().reshape(40, *[1] * (len(shape) - 1))
    return torch.tensor(values, dtype=torch.float32), labels


def test_train__learns_and_repeats() -> None:
    for given in (TABLE, SIGNAL):
        rows, labels = rows_of(given)
        recipe = replace(given, steps=60)
        model = small_networks.train(recipe, rows, labels)
        assert small_networks.accuracy(model, rows, labels) == 1
        again = small_networks.train(recipe, rows, labels)
        for one, other in zip(model.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)


def test_varied__stays_within_the_range() -> None:
    rows, _ = rows_of(SIGNAL)
    varied = small_networks._varied(rows * 8, SIGNAL, torch.Generator().manual_seed(1))
    assert varied.shape == rows.shape
    assert varied.abs().max() <= 4
    assert not torch.equal(varied, rows)


def test_export__is_the_network_of_the_zoo() -> None:
    for recipe, build in ((TABLE, table_network), (SIGNAL, signal_network)):
        rows, _ = rows_of(recipe)
        model = build().eval()
        network = export(recipe.name, model, rows, recipe.input_range)
        bundled = zoo.load(recipe.name)
        assert [type(node.layer) for node in network.nodes] == [
            type(node.layer) for node in bundled.nodes
        ]
        assert (network.input_shape, network.input_range) == (
            bundled.input_shape,
            bundled.input_range,
        )
        with torch.no_grad():
            # float32 weights and a few hundred sums: far below 1e-4 of values near one.
            np.testing.assert_allclose(network(rows.numpy()), model(rows), atol=1e-4)
