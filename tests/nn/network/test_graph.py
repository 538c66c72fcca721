"""Networks: meaning, validation, statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nn.errors import GraphError, InputRangeError, NetworkError, ShapeError
from nn.network.activation import Polynomial
from nn.network.graph import Network, Node, NodeStatistics
from nn.network.layers import Add, AvgPool2d, Conv2d, Flatten, Linear


def residual_network(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    nodes = (
        Node("conv", Conv2d(rng.normal(size=(2, 2, 3, 3)), rng.normal(size=2), padding=(1, 1)),
             ("input",)),
        Node("act", Polynomial.square(), ("conv",)),
        Node("add", Add(), ("act", "input")),
        Node("flat", Flatten(), ("add",)),
        Node("fc", Linear(rng.normal(size=(3, 32)), rng.normal(size=3)), ("flat",)),
    )  # fmt: skip
    return Network("residual", (2, 4, 4), nodes, (-1.0, 1.0))


def images(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, 2, 4, 4))


def test_call__is_the_composition_of_the_layers() -> None:
    network, batch = residual_network(), images(3)
    layer = {node.name: node.layer.forward for node in network.nodes}
    added = layer["add"](layer["act"](layer["conv"](batch)), batch)
    assert np.array_equal(network(batch), layer["fc"](layer["flat"](added)))


def test_values__hold_every_node_in_order() -> None:
    network, batch = residual_network(), images(3)
    values = network.values(batch)
    assert list(values) == ["input", "conv", "act", "add", "flat", "fc"] == list(network.shapes)
    assert np.array_equal(values["input"], batch)
    assert np.array_equal(values["fc"], network(batch))
    assert {name: value.shape[1:] for name, value in values.items()} == dict(network.shapes)


def test_call__does_not_depend_on_the_batch() -> None:
    network, batch = residual_network(), images(600)
    whole = network(batch)
    assert whole.shape == (600, 3)
    singles = np.concatenate([network(batch[index : index + 1]) for index in (0, 255, 256, 599)])
    # BLAS may sum in another order for another batch: relative 2^-53 per each of 32 + 18 terms.
    assert np.allclose(whole[[0, 255, 256, 599]], singles, rtol=0, atol=50 * 50 * 2.0**-53)


def test_call__takes_float32_and_integers() -> None:
    network = residual_network()
    batch = images(2).astype(np.float32)
    assert network(batch).dtype == np.float64
    assert np.array_equal(network(batch), network(batch.astype(np.float64)))
    ones = np.ones((1, 2, 4, 4), dtype=np.int32)
    assert np.array_equal(network(ones), network(ones.astype(np.float64)))


def test_structure__answers_questions() -> None:
    network = residual_network()
    assert [node.name for node in network.consumers("input")] == ["conv", "add"]
    assert network.consumers("fc") == ()
    assert network.output.name == "fc"
    assert network.output_shape == (3,)
    assert network.node("act").layer.forward(np.full((1, 2), 3.0))[0, 0] == 9
    with pytest.raises(GraphError, match="no node 'relu'; it has conv, act"):
        network.node("relu")
    with pytest.raises(GraphError, match="no value 'relu'"):
        network.consumers("relu")


def test_summary__lists_every_node() -> None:
    text = residual_network().summary()
    lines = text.splitlines()
    # 2*2*9 + 2 of the convolution, 1 polynomial of 3, 3*32 + 3 of the linear layer.
    assert lines[0] == "residual: 140 parameters, input in [-1, 1]"
    assert [line.split()[0] for line in lines[3:]] == ["input", "conv", "act", "add", "flat", "fc"]
    assert "act, input" in text
    assert "2 x 4 x 4" in text


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (np.zeros((2, 4, 4)), ShapeError, r"one image without the batch axis: pass image\[None\]"),
        (np.zeros((1, 2, 4, 5)), ShapeError, r"takes a batch \(B, 2, 4, 4\), got \(1, 2, 4, 5\)"),
        (np.zeros((2, 32)), ShapeError, "takes a batch"),
        (np.zeros(()), ShapeError, "takes a batch"),
        (np.zeros((0, 2, 4, 4)), ShapeError, "empty batch"),
        (np.zeros((1, 2, 4, 4), dtype=complex), InputRangeError, "dtype complex128"),
        (np.array([["a"]]), InputRangeError, "real numbers"),
    ],
)
def test_call__refuses(batch: np.ndarray, error: type[Exception], message: str) -> None:
    for method in (residual_network(), residual_network().values, residual_network().calibrated):
        with pytest.raises(error, match=message):
            method(batch)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_call__refuses_values_that_are_not_finite(bad: float) -> None:
    batch = images(3)
    batch[1, 0, 0, 0] = bad
    with pytest.raises(InputRangeError, match=r"images \[1\] hold NaN or infinite"):
        residual_network()(batch)


def test_check_range__refuses_values_outside() -> None:
    network, batch = residual_network(), images(2)
    assert np.array_equal(network.check_range(batch), batch)
    batch[0, 0, 0, 0] = 255
    with pytest.raises(InputRangeError, match=r"in \[-1.0, 1.0\].*255"):
        network.check_range(batch)
    assert network(batch).shape == (2, 3)


LINEAR = Linear(np.ones((2, 3)), np.zeros(2))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Network("n", (3,), ()), GraphError, "at least one node"),
        (
            lambda: Network("n", (3,), (Node("a", LINEAR, ("b",)),)),
            GraphError,
            r"'a' \(number 1 of 1\) reads 'b', which no earlier node computes; known so far: input",
        ),
        (
            lambda: Network(
                "n", (3,), (Node("a", Flatten(), ("input",)), Node("a", LINEAR, ("a",)))
            ),
            GraphError,
            "'a' .number 2 of 2.: the name is taken",
        ),
        (
            lambda: Network("n", (3,), (Node("input", LINEAR, ("input",)),)),
            GraphError,
            "the name is taken",
        ),
        (
            lambda: Network(
                "n", (3,), (Node("a", LINEAR, ("input",)), Node("b", LINEAR, ("input",)))
            ),
            GraphError,
            "'a' is read by no node",
        ),
        (lambda: Node("a", Add(), ("input",)), GraphError, "Add takes 2 inputs, got"),
        (lambda: Node("a", LINEAR, "input"), GraphError, "a tuple of names"),
        (lambda: Node("", LINEAR, ("input",)), GraphError, "non-empty string"),
        (lambda: Node("a", np.square, ("input",)), GraphError, "a layer of nn is needed"),
        (
            lambda: Network("n", (4,), (Node("a", LINEAR, ("input",)),)),
            ShapeError,
            r"node 'a' \(number 1 of 1\): Linear needs an input \(3,\), got \(4,\)",
        ),
        (
            lambda: Network("n", (1, 0), (Node("a", LINEAR, ("input",)),)),
            ShapeError,
            r"input_shape is \(1, 0\)",
        ),
        (
            lambda: Network("n", (3,), (Node("a", LINEAR, ("input",)),), (1.0, 0.0)),
            InputRangeError,
            "low < high",
        ),
        (
            lambda: Network("n", (3,), (Node("a", LINEAR, ("input",)),), (0.0, np.inf)),
            InputRangeError,
            "finite",
        ),
    ],
)
def test_constructor__refuses(
    build: Callable[[], object], error: type[NetworkError], message: str
) -> None:
    with pytest.raises(error, match=message):
        build()


def test_calibrated__measures_every_value() -> None:
    network, batch = residual_network(), images(300)
    statistics = network.calibrated(batch).statistics
    assert statistics is not None
    values = network.values(batch)
    assert list(statistics) == list(values)
    for name, value in values.items():
        assert np.array_equal(statistics[name].max_abs, np.abs(value).max(axis=0))
        # Sums of 300 squares in two orders differ by at most 2 * 300 * 2^-53, relatively.
        rms = np.sqrt(np.square(value).mean(axis=0))
        assert np.allclose(statistics[name].rms, rms, rtol=600 * 2.0**-53, atol=0)


def test_statistics__must_fit_the_network() -> None:
    network = residual_network()
    good = dict(network.calibrated(images(2)).statistics or {})
    build = lambda statistics: Network(  # noqa: E731
        network.name, network.input_shape, network.nodes, network.input_range, statistics
    )
    assert build(good).statistics is not None
    missing = {name: value for name, value in good.items() if name != "act"}
    with pytest.raises(GraphError, match="differ in \\['act'\\]"):
        build(missing)
    with pytest.raises(ShapeError, match="max_abs of 'fc'"):
        build(good | {"fc": NodeStatistics(np.ones(4), np.ones(4))})


def test_network__pools_and_polynomials_work_together() -> None:
    nodes = (
        Node("pool", AvgPool2d((2, 2), (2, 2)), ("input",)),
        Node("poly", Polynomial([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]), ("pool",)),
    )
    network = Network("n", (2, 2, 2), nodes)
    batch = np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [1.0, 1.0]]]])
    assert np.array_equal(network(batch), [[[[10.0]], [[1.0]]]])
