"""Folding of BatchNorm: the same function, with fewer nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.network.activation import Polynomial
from nn.network.evaluation_error import rounding_bound
from nn.network.folding import fold_batch_norms
from nn.network.graph import Network, Node
from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, Layer, Linear

Chain = list[tuple[str, Layer]]


def norm(rng: np.random.Generator, channels: int, shifted: bool = True) -> BatchNorm:
    mean, gamma, beta = rng.normal(size=(3, channels))
    variance = rng.uniform(0.1, 4, size=channels)
    if not shifted:
        mean, beta = np.zeros((2, channels))
    return BatchNorm(mean, variance, gamma, beta)


def conv(rng: np.random.Generator, outputs: int, inputs: int, padding: int, groups: int) -> Conv2d:
    weight = rng.normal(size=(outputs, inputs // groups, 3, 3))
    return Conv2d(weight, rng.normal(size=outputs), (1, 1), (padding, padding), groups)


def linear(rng: np.random.Generator, outputs: int, inputs: int) -> Linear:
    return Linear(rng.normal(size=(outputs, inputs)), rng.normal(size=outputs))


def chain(layers: Chain, shape: tuple[int, ...] = (4, 5, 5)) -> Network:
    previous = ["input", *(name for name, _ in layers)]
    nodes = tuple(
        Node(name, layer, (source,))
        for (name, layer), source in zip(layers, previous, strict=False)
    )
    return Network("chain", shape, nodes, (-3.0, 3.0))


def assert_same_function(network: Network, folded: Network) -> None:
    """Equal up to rounding: of both evaluations, and of the folded parameters.

    A folded parameter comes from at most seven rounded operations, which move the output by no
    more than seven further terms per sum would: eight times the bound covers both networks.
    """
    batch = np.random.default_rng(9).normal(size=(3, *network.input_shape))
    allowed = 8 * (rounding_bound(network, batch) + rounding_bound(folded, batch))
    assert (np.abs(network(batch) - folded(batch)) <= allowed).all()


def names(network: Network) -> list[str]:
    return [node.name for node in network.nodes]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]), st.integers(0, 1), st.integers(0, 1))
def test_fold_batch_norms__equals_the_network(
    seed: int, groups: int, first: int, second: int
) -> None:
    rng = np.random.default_rng(seed)
    size = 5 + 2 * first - 2 + 2 * second - 2
    network = chain(
        [
            ("norm0", norm(rng, 4)),
            ("conv1", conv(rng, 4, 4, first, groups)),
            ("norm1", norm(rng, 4)),
            ("act", Polynomial.square()),
            ("norm2", norm(rng, 4)),
            ("conv2", conv(rng, 6, 4, second, groups)),
            ("norm3", norm(rng, 6)),
            ("flat", Flatten()),
            ("fc", linear(rng, 3, 6 * size * size)),
            ("norm4", norm(rng, 3)),
        ]
    )
    folded = fold_batch_norms(network)
    assert_same_function(network, folded)
    # In front of a padding convolution, a shift cannot be folded.
    kept = (["norm0"] if first else []) + (["norm2"] if second else [])
    assert [name for name in names(folded) if "norm" in name] == kept


def test_fold_batch_norms__without_shift_goes_into_a_padding_convolution() -> None:
    rng = np.random.default_rng(1)
    network = chain([("norm", norm(rng, 4, shifted=False)), ("conv", conv(rng, 2, 4, 1, 2))])
    assert names(fold_batch_norms(network)) == ["conv"]
    assert_same_function(network, fold_batch_norms(network))


def test_fold_batch_norms__goes_forward_through_a_flatten() -> None:
    rng = np.random.default_rng(2)
    layers: Chain = [("norm", norm(rng, 4)), ("flat", Flatten()), ("fc", linear(rng, 3, 100))]
    network = chain(layers)
    assert names(fold_batch_norms(network)) == ["flat", "fc"]
    assert_same_function(network, fold_batch_norms(network))


@pytest.mark.parametrize("last", [Polynomial.square(), AvgPool2d((2, 2), (1, 1))])
def test_fold_batch_norms__keeps_what_has_no_linear_neighbour(last: Layer) -> None:
    rng = np.random.default_rng(3)
    network = chain([("act", Polynomial.square()), ("norm", norm(rng, 4)), ("last", last)])
    assert names(fold_batch_norms(network)) == ["act", "norm", "last"]


def test_fold_batch_norms__keeps_a_norm_at_the_end_of_nothing_linear() -> None:
    network = chain([("act", Polynomial.square()), ("norm", norm(np.random.default_rng(4), 4))])
    assert fold_batch_norms(network) is network


def test_fold_batch_norms__leaves_values_with_other_readers_alone() -> None:
    rng = np.random.default_rng(5)
    nodes = (
        Node("conv", conv(rng, 4, 4, 1, 1), ("input",)),
        Node("norm", norm(rng, 4), ("conv",)),
        Node("add", Add(), ("norm", "conv")),
        Node("norm2", norm(rng, 4), ("add",)),
        Node("conv2", conv(rng, 4, 4, 0, 1), ("norm2",)),
        Node("conv3", conv(rng, 4, 4, 0, 1), ("norm2",)),
        Node("add2", Add(), ("conv2", "conv3")),
    )
    network = Network("residual", (4, 5, 5), nodes)
    assert names(fold_batch_norms(network)) == names(network)


def test_fold_batch_norms__repairs_every_reader_of_the_norm() -> None:
    rng = np.random.default_rng(6)
    nodes = (
        Node("conv", conv(rng, 4, 4, 1, 1), ("input",)),
        Node("norm", norm(rng, 4), ("conv",)),
        Node("act", Polynomial.square(), ("norm",)),
        Node("add", Add(), ("act", "norm")),
    )
    network = Network("residual", (4, 5, 5), nodes)
    folded = fold_batch_norms(network)
    assert [(node.name, node.inputs) for node in folded.nodes] == [
        ("conv", ("input",)),
        ("act", ("conv",)),
        ("add", ("act", "conv")),
    ]
    assert_same_function(network, folded)


@pytest.mark.parametrize("first", ["conv", "norm"])
def test_fold_batch_norms__carries_statistics_over(first: str) -> None:
    rng = np.random.default_rng(7)
    square = ("act0", Polynomial.square())
    layers: Chain = [("conv", conv(rng, 4, 4, 1, 1)) if first == "conv" else square]
    layers += [
        ("norm", norm(rng, 4)),
        ("flat", Flatten()),
        ("fc", linear(rng, 3, 100)),
    ]
    network = chain(layers)
    batch = rng.normal(size=(20, 4, 5, 5))
    folded = fold_batch_norms(network.calibrated(batch))
    fresh = fold_batch_norms(network).calibrated(batch)
    assert len(folded.nodes) == 3
    assert folded.statistics is not None
    assert fresh.statistics is not None
    # Errors of values as in assert_same_function, and of the same order for their statistics.
    allowed = 16 * rounding_bound(network, batch).max() * 100
    for name in fresh.shapes:
        for kind in ("max_abs", "rms"):
            old, new = (getattr(n.statistics[name], kind) for n in (folded, fresh))
            assert old.shape == new.shape
            assert np.abs(old - new).max() <= allowed


def test_fold_batch_norms__can_be_repeated() -> None:
    rng = np.random.default_rng(8)
    network = chain(
        [("conv", conv(rng, 2, 4, 0, 1)), ("norm", norm(rng, 2)), ("act", Polynomial.square())]
    )
    folded = fold_batch_norms(network)
    assert fold_batch_norms(folded) is folded
    assert names(folded) == ["conv", "act"]
