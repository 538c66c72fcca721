"""How large small errors become: derivatives against differences, maxima over images."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import NetworkError
from nn.network.activation import Polynomial
from nn.network.error_growth import (
    MOST_ANSWERS,
    ErrorGrowth,
    growth_at,
    most_amplifying,
    squared_derivatives,
    variance_after,
)
from nn.network.graph import Network, Node
from nn.network.layers import Add, FloatArray, Layer, Linear, Shape
from tests.nn.networks import images_for, networks


@given(networks(most_blocks=1), st.integers(0, 2**32 - 1))
def test_variance_after__is_the_sum_of_squared_derivatives(network: Network, seed: int) -> None:
    """Of each layer by its inputs, at one image, by central differences."""
    image = images_for(network, 1, seed)
    values = network.values(image)
    rng, step = np.random.default_rng(seed), 1e-5
    for node in network.nodes:
        inputs = [values[name] for name in node.inputs]
        variances = [rng.uniform(0.5, 2, x.shape) for x in inputs]
        expected = np.zeros_like(values[node.name])
        for which, (x, variance) in enumerate(zip(inputs, variances, strict=True)):
            for place in np.ndindex(x.shape):
                moved = []
                for sign in (1, -1):
                    changed = [y.copy() for y in inputs]
                    changed[which][place] += sign * step
                    moved.append(node.layer.forward(*changed))
                expected += variance[place] * ((moved[0] - moved[1]) / (2 * step)) ** 2
        found = variance_after(node.layer, inputs, variances)
        scale = np.abs(values[node.name]).max() / step
        assert np.allclose(found, expected, rtol=1e-4, atol=(1e-15 * scale) ** 2 + 1e-9)


def test_variance_after__of_an_unknown_layer_is_nothing() -> None:
    class Mystery(Layer):
        def output_shape(self, *input_shapes: Shape) -> Shape:
            return input_shapes[0]

        def forward(self, *inputs: np.ndarray) -> np.ndarray:
            return inputs[0]

    network = Network("m", (2,), (Node("m", Mystery(), ("input",)),))
    assert not variance_after(Mystery(), [np.ones((3, 2))], [np.ones((3, 2))]).any()
    assert network.calibrated(np.ones((3, 2))).knows_growth


def test_most_amplifying__every_output_has_its_turn() -> None:
    variances = np.array([[9.0, 0.0, 1.0], [8.0, 5.0, 0.0], [7.0, 4.0, 3.0], [1.0, 1.0, 1.0]])
    assert most_amplifying(variances, 1) == [0]
    assert most_amplifying(variances, 2) == [0, 1]
    assert most_amplifying(variances, 3) == [0, 1, 2]
    assert most_amplifying(variances, 9) == [0, 1, 2, 3]


def slopes_network() -> Network:
    """y = (w x)^2: the slope grows with |w x|."""
    nodes = (
        Node("fc", Linear(np.eye(2, 3), np.zeros(2)), ("input",)),
        Node("act", Polynomial.square(), ("fc",)),
    )
    return Network("n", (3,), nodes, (-9.0, 9.0))


def test_calibrated__has_the_growth_at_the_steepest_slopes() -> None:
    """Of one image in each direction, in whatever chunk of the images it stands."""
    images = np.random.default_rng(0).uniform(-1, 1, (700, 3))
    images[411], images[32] = [5.0, 0.0, 0.0], [0.0, -6.0, 0.0]
    statistics = slopes_network().calibrated(images).statistics
    assert statistics is not None
    growth = {name: found.growth for name, found in statistics.items()}
    assert all(found is not None for found in growth.values())
    for name, gains in (("input", [100.0, 144.0]), ("fc", [100.0, 144.0]), ("act", [1.0, 1.0])):
        assert growth[name].gains.tolist() == [gains, gains]
    # Variances 1, 2 and 1 + 2 (2 y)^2, the last as a mean over two elements.
    carried = [growth[name].carried for name in ("input", "fc", "act")]
    assert carried == [1.0, 2.0, 1.0 + 144.0]


def test_calibrated__keeps_no_image() -> None:
    """Only maxima and means over all images; the growth takes two numbers for each answer."""
    images = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    network = slopes_network().calibrated(images)
    stored = pickle.dumps(network)
    assert all(image.tobytes() not in stored for image in images)
    assert pickle.loads(stored).fingerprint() == network.fingerprint()
    assert copy.deepcopy(network).knows_growth
    assert network.statistics is not None
    for found in network.statistics.values():
        assert found.growth is not None
        assert found.growth.gains.size == 2 * 2


@given(networks(most_blocks=2), st.integers(0, 2**32 - 1))
def test_squared_derivatives__are_those_of_the_network(network: Network, seed: int) -> None:
    """By central differences: of every answer, by every element of every value, at two images."""
    images = images_for(network, 2, seed)
    values = network.values(images)
    outputs = values[network.output.name].reshape(2, -1).shape[1]
    step = 1e-5
    for name, value in values.items():
        total = np.zeros((2, outputs))
        for place in np.ndindex(value.shape[1:]):
            moved = []
            for sign in (1, -1):
                changed = value.copy()
                changed[(slice(None), *place)] += sign * step
                moved.append(rerun(network, values, name, changed))
            total += ((moved[0] - moved[1]) / (2 * step)) ** 2
        size = np.abs(values[network.output.name]).max() / step * 1e-15
        for answer in range(outputs):
            found = squared_derivatives(network.nodes, values, answer)[name][0]
            assert np.allclose(found, total[:, answer], rtol=1e-3, atol=1e-6 + size**2)


def rerun(
    network: Network, values: dict[str, FloatArray], name: str, changed: FloatArray
) -> FloatArray:
    """The answers (B, outputs) with another value at one place."""
    found = dict(values) | {name: changed}
    for node in network.nodes:
        if node.name != name:
            found[node.name] = node.layer.forward(*(found[read] for read in node.inputs))
    return found[network.output.name].reshape(len(changed), -1)


def test_squared_derivatives__of_paths_apart() -> None:
    """x + W x: shared, (1 + w)^2; apart, 1 + w^2."""
    weight = np.array([[3.0, 0.0], [0.0, -1.0]])
    nodes = (
        Node("fc", Linear(weight, np.zeros(2)), ("input",)),
        Node("sum", Add(), ("input", "fc")),
    )
    values = Network("n", (2,), nodes).values(np.ones((1, 2)))
    for answer, expected in ((0, [16.0, 10.0]), (1, [0.0, 2.0])):
        found = squared_derivatives(nodes, values, answer)
        assert found["input"][:, 0].tolist() == expected
        assert found["sum"][:, 0].tolist() == [1.0, 1.0]


def test_growth__of_many_answers_is_bounded_by_that_of_the_largest() -> None:
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 1, (MOST_ANSWERS + 6, 3))
    nodes = (Node("fc", Linear(weight, np.zeros(len(weight))), ("input",)),)
    network = Network("n", (3,), nodes)
    exact = growth_at(nodes, network.values(np.ones((1, 3))))["input"].gains
    assert np.allclose(exact, (weight**2).sum(axis=1))
    statistics = network.calibrated(np.ones((4, 3))).statistics
    assert statistics is not None
    growth = statistics["input"].growth
    assert growth is not None
    assert (growth.gains >= exact).all()
    assert np.isclose(growth.gains, exact).sum() >= 2 * MOST_ANSWERS


@pytest.mark.parametrize(
    ("gains", "carried"),
    [
        (np.ones(3), 1.0),
        (np.ones((1, 3)), 1.0),
        (-np.ones((2, 3)), 1.0),
        (np.full((2, 3), np.nan), 1.0),
        (np.ones((2, 3)), np.inf),
        (np.ones((2, 3)), 0.9),
    ],
)
def test_growth__is_made_of_sums_of_squares(gains: FloatArray, carried: float) -> None:
    with pytest.raises(NetworkError):
        ErrorGrowth(gains, carried)


def test_statistics__growth_is_for_the_answers_of_the_network() -> None:
    network = slopes_network().calibrated(np.ones((2, 3)))
    assert network.statistics is not None
    wrong = {
        name: replace(found, growth=ErrorGrowth(np.ones((2, 3)), 1.0))
        for name, found in network.statistics.items()
    }
    with pytest.raises(NetworkError, match="gains for 3 answers; 2 are needed"):
        replace(network, statistics=wrong)


def test_calibrated__without_a_finite_growth_says_that_it_is_unknown() -> None:
    """K (x^2 - x) at 1 and at 0: the values are 0, and the slopes K and -K."""
    nodes = tuple(
        Node(f"act{k}", Polynomial([0.0, -1e80, 1e80]), (f"act{k - 1}" if k else "input",))
        for k in range(2)
    )
    network = Network("steep", (2,), nodes).calibrated(np.ones((2, 2)))
    assert not network.knows_growth
    assert network.statistics is not None
