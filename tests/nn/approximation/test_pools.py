"""Maxima as tournaments, beside the maxima themselves."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from nn.approximation.approximate import approximation
from nn.approximation.pools import rounds_of
from nn.errors import ApproximationError

POOLS = [
    nn.MaxPool2d((2, 2), (2, 2)),
    nn.MaxPool2d((3, 3), (2, 2)),
    nn.MaxPool2d((3, 3), (2, 2), (1, 1), (1, 1)),
    nn.MaxPool2d((2, 4), (1, 3)),
    nn.MaxPool2d((1, 5), (1, 1)),
    nn.MaxPool2d((2, 2), (1, 1), dilation=(2, 3)),
    nn.MaxPool2d((3, 3), (2, 2), (1, 1), (0, 1)),
    nn.MaxPool2d((3, 4), (3, 2), (2, 3), (0, 2)),
    nn.MaxPool2d((1, 1), (2, 3)),
    nn.MaxPool2d((1, 1), (1, 1)),
]


@pytest.mark.parametrize("pool", POOLS, ids=lambda p: f"{p.kernel} {p.stride} {p.before}")
@pytest.mark.parametrize("degree", [14, 62])
def test_tournament__is_the_maximum_within_its_bound(pool, degree):
    images = np.random.default_rng(0).normal(size=(40, 3, 9, 11))
    network = nn.Network("pool", (3, 9, 11), (nn.Node("pool", pool, ("input",)),), (-9.0, 9.0))
    found = approximation(network, images, degree)
    assert found.network.output_shape == network.output_shape
    error = np.abs(found.network(images) - network(images)).max()
    assert error <= found.sites[0].error
    rounds = [one for one in rounds_of(pool, (3, 9, 11)) if max(one.second) >= 0]
    assert found.sites[0].levels == len(rounds) * (1 + degree.bit_length())


def test_maximum__of_two_values():
    nodes = (
        nn.Node("left", nn.Polynomial([0.0, 2.0]), ("input",)),
        nn.Node("right", nn.Polynomial([0.5, -1.0]), ("input",)),
        nn.Node("larger", nn.Maximum(), ("left", "right")),
    )
    network = nn.Network("two", (7,), nodes, (-1.0, 1.0))
    images = np.random.default_rng(1).uniform(-1, 1, (60, 7))
    found = approximation(network, images, 30)
    assert np.abs(found.network(images) - network(images)).max() <= found.sites[0].error


def test_average__stands_for_the_maximum_where_it_is_asked_for():
    pool = nn.MaxPool2d((2, 2), (2, 2))
    network = nn.Network("pool", (1, 4, 4), (nn.Node("pool", pool, ("input",)),))
    images = np.random.default_rng(2).uniform(0, 1, (30, 1, 4, 4))
    found = nn.approximate(network, images, 2, max_pool="average")
    assert isinstance(found.node("pool.average").layer, nn.AvgPool2d)


def test_average__is_the_multiple_of_least_squares():
    pool = nn.MaxPool2d((2, 2), (2, 2))
    network = nn.Network("pool", (2, 8, 8), (nn.Node("pool", pool, ("input",)),))
    images = np.random.default_rng(3).uniform(0, 1, (50, 2, 8, 8))
    found = nn.approximate(network, images, 2, max_pool="average")
    mean = nn.AvgPool2d((2, 2), (2, 2)).forward(images)
    plain = np.mean((mean - network(images)) ** 2)
    assert np.mean((found(images) - network(images)) ** 2) < 0.2 * plain


def test_average__windows_without_one_are_refused():
    pool = nn.MaxPool2d((2, 2), (2, 2), dilation=(2, 2))
    network = nn.Network("pool", (1, 5, 5), (nn.Node("pool", pool, ("input",)),))
    with pytest.raises(ApproximationError, match="no average"):
        nn.approximate(network, np.zeros((20, 1, 5, 5)), 6, max_pool="average")
