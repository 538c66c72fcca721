"""Typical values: of the size of the statistics, with the growth that images have beyond them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.network.error_growth import MOST_ANSWERS, growth_at
from nn.network.folding import fold_batch_norms
from nn.network.graph import INPUT
from nn.stages.rewriting import rewrite
from nn.stages.typical import Growth, typical_values
from tests.nn.networks import images_for, networks


@given(networks(most_blocks=4), st.integers(0, 2**32 - 1))
def test_typical_values__have_the_sizes_of_the_statistics(network: nn.Network, seed: int) -> None:
    network = fold_batch_norms(network.calibrated(images_for(network, 9, seed)))
    stages = rewrite(network)
    found = typical_values(network, stages)
    assert network.statistics is not None
    assert np.allclose(np.abs(found.values[INPUT]), network.statistics[INPUT].rms.ravel())
    for stage in stages:
        node_value = (found.values[stage.name] - stage.shift) / stage.scale
        assert np.allclose(np.abs(node_value), network.statistics[stage.node].rms.ravel())


@given(networks(most_blocks=4), st.integers(0, 2**32 - 1))
def test_growth__is_the_quotient_of_images_and_typical_values(
    network: nn.Network, seed: int
) -> None:
    """Where a value is an answer, no slope stands between the two."""
    images = images_for(network, 3, seed)
    network = fold_batch_norms(network.calibrated(images))
    largest = growth_at(network.nodes, network.values(images))
    stages = rewrite(network)
    growth = typical_values(network, stages).growth
    assert network.statistics is not None
    for name, found in network.statistics.items():
        assert found.growth is not None
        if largest[name].gains.shape[1] <= MOST_ANSWERS:
            assert np.allclose(found.growth.gains, largest[name].gains)
    assert all((np.asarray(one.gains) > 0).all() for one in growth.values())
    assert np.allclose(growth[stages[-1].name].gains, 1)


def test_growth__is_one_where_nothing_is_known() -> None:
    assert Growth().of_answers(np.array([0, 2])) == Growth()
    some = Growth(np.array([1.0, 2.0, 3.0]), 4.0).of_answers(np.array([2, 0]))
    assert (some.gains.tolist(), some.carried) == ([3.0, 1.0], 4.0)
