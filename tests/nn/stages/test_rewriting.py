"""Networks as stages: the same function, in fewer levels, within its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.errors import GraphError
from nn.network.activation import Polynomial
from nn.network.folding import fold_batch_norms
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, FloatArray, Linear
from nn.stages.rewriting import rewrite
from nn.stages.stage import AddStage, AffineStage, SquareStage, Stage
from tests.nn.cleartext import evaluate
from tests.nn.networks import (
    Builder,
    evaluation_tolerance,
    images_for,
    networks,
    stage_tolerance,
)

seeds = st.integers(0, 2**32 - 1)


@given(networks(), st.booleans(), seeds)
def test_rewrite__compute_the_network(network: Network, calibrated: bool, seed: int) -> None:
    images = images_for(network, 3, seed)
    if calibrated:
        network = network.calibrated(images)
    made = rewrite(network)
    values = evaluate(made, images)[made[-1].name]
    expected = network(images)
    assert made[-1].shape == network.output_shape
    difference = np.abs(values.reshape(expected.shape) - expected)
    assert (difference <= evaluation_tolerance(network, images)).all()


@given(networks(), seeds)
def test_rewrite__are_scaled_and_shifted_values_of_the_network(network: Network, seed: int) -> None:
    images = images_for(network, 3, seed)
    made = rewrite(network)
    values, truth = evaluate(made, images), fold_batch_norms(network).values(images)
    for stage in made:
        expected = stage.scale * truth[stage.node].reshape(3, -1) + stage.shift
        difference = np.abs(values[stage.name] - expected)
        assert (difference <= stage_tolerance(stage, network, images)).all()


@given(networks(), st.booleans(), seeds)
def test_rewrite__stay_within_their_bounds(network: Network, calibrated: bool, seed: int) -> None:
    images = images_for(network, 20, seed)
    if calibrated:
        network = network.calibrated(images)
    made = rewrite(network)
    values = evaluate(made, images)
    # The bounds are rounded too, as the values of the largest image would be.
    largest = np.full((1, *network.input_shape), np.abs(network.input_range).max())
    for stage in made:
        slack = stage_tolerance(stage, network, largest)
        assert (np.abs(values[stage.name]) <= stage.max_abs + slack).all()
        assert stage.max_abs.shape == stage.scale.shape == stage.shift.shape == (stage.size,)


@given(networks())
def test_rewrite__form_a_graph_of_all_layers(network: Network) -> None:
    made = rewrite(network)
    known = {INPUT: network.input_shape}
    for stage in made:
        assert stage.name not in known
        assert all(name in known for name in stage.inputs)
        if isinstance(stage, AffineStage):
            assert stage.affine.in_shape == known[stage.input]
            assert stage.affine.out_size == stage.size
        known[stage.name] = stage.shape
    layers = [name for stage in made for name in stage.layers]
    assert sorted(layers) == sorted(node.name for node in fold_batch_norms(network).nodes)


def digits(seed: int = 0) -> Network:
    """conv - degree 2 - linear - degree 2 - linear, as the zoo's."""
    builder = Builder((1, 28, 28), seed)
    builder.conv(8, 5, 2, 2)
    builder.batch_norm()
    builder.polynomial(2, shared=False)
    builder.linear(32)
    builder.polynomial(2, shared=False)
    builder.linear(10)
    return builder.network((0.0, 1.0))


def test_rewrite__of_a_digit_network_take_five_levels() -> None:
    made = rewrite(digits())
    assert [(stage.name, type(stage), stage.levels) for stage in made] == [
        ("conv2d0", AffineStage, 1),
        ("polynomial2", SquareStage, 1),
        ("flatten3+linear4", AffineStage, 1),
        ("polynomial5", SquareStage, 1),
        ("linear6", AffineStage, 1),
    ]
    assert [stage.inputs for stage in made] == [
        (INPUT,), ("conv2d0",), ("polynomial2",), ("flatten3+linear4",), ("polynomial5",)
    ]  # fmt: skip
    assert made[1].shape == (8, 14, 14)


def network_of(*nodes: Node, shape: tuple[int, ...] = (2, 4, 4)) -> Network:
    return Network("test", shape, nodes)


def kinds(made: tuple[Stage, ...]) -> list[type[Stage]]:
    return [type(stage) for stage in made]


def conv(rng: np.random.Generator, inputs: str, name: str, padding: int = 0) -> Node:
    weight = rng.normal(size=(2, 2, 3, 3))
    return Node(name, Conv2d(weight, rng.normal(size=2), padding=(padding, padding)), (inputs,))


def test_rewrite__merge_linear_layers() -> None:
    rng = np.random.default_rng(0)
    made = rewrite(
        network_of(
            conv(rng, INPUT, "conv", padding=1),
            Node("pool", AvgPool2d((2, 2), (2, 2)), ("conv",)),
            Node("flat", Flatten(), ("pool",)),
            Node("fc", Linear(rng.normal(size=(3, 8)), rng.normal(size=3)), ("flat",)),
        )
    )
    assert [stage.name for stage in made] == ["conv+pool+flat+fc"]
    assert made[0].layers == ("conv", "pool", "flat", "fc")


def test_rewrite__keep_a_bottleneck_unmerged() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=(1, 64)), rng.normal(size=(64, 1))
    made = rewrite(
        network_of(
            Node("narrow", Linear(narrow, np.zeros(1)), (INPUT,)),
            Node("wide", Linear(wide, np.zeros(64)), ("narrow",)),
            shape=(64,),
        )
    )
    # 4096 entries against 4 (64 + 64).
    assert [stage.name for stage in made] == ["narrow", "wide"]


def test_rewrite__merge_batch_norm_before_padding_exactly() -> None:
    rng = np.random.default_rng(1)
    mean, gamma, beta = rng.normal(size=(3, 2))
    network = network_of(
        Node("norm", BatchNorm(mean, np.ones(2), gamma, beta), (INPUT,)),
        conv(rng, "norm", "conv", padding=2),
    )
    assert [node.name for node in fold_batch_norms(network).nodes] == ["norm", "conv"]
    made = rewrite(network)
    assert [stage.name for stage in made] == ["norm+conv"]
    images = images_for(network, 2, 3)
    difference = np.abs(evaluate(made, images)["norm+conv"] - network(images).reshape(2, -1))
    tolerance = evaluation_tolerance(network, images)
    assert (difference <= tolerance.reshape(2, -1)).all()


def test_rewrite__keep_a_value_that_two_layers_read() -> None:
    rng = np.random.default_rng(2)
    made = rewrite(
        network_of(
            conv(rng, INPUT, "first", padding=1),
            conv(rng, "first", "second", padding=1),
            Node("sum", Add(), ("first", "second")),
        )
    )
    assert [stage.name for stage in made] == ["first", "second", "sum"]
    assert kinds(made) == [AffineStage, AffineStage, AddStage]


def test_rewrite__of_flatten_alone() -> None:
    made = rewrite(network_of(Node("flat", Flatten(), (INPUT,))))
    assert [(stage.name, stage.shape) for stage in made] == [("flat", (32,))]
    images = np.random.default_rng(0).normal(size=(2, 2, 4, 4))
    np.testing.assert_array_equal(evaluate(made, images)["flat"], images.reshape(2, -1))


def test_rewrite__name_a_last_flatten_with_what_it_reads() -> None:
    made = rewrite(
        network_of(
            Node("square", Polynomial.square(), (INPUT,)),
            Node("again", Polynomial.square(), ("square",)),
            Node("flat", Flatten(), ("again",)),
        )
    )
    shapes = [(stage.name, stage.shape) for stage in made]
    assert shapes == [("square", (2, 4, 4)), ("again+flat", (32,))]
    assert kinds(made) == [SquareStage, SquareStage]


def test_rewrite__keep_the_shape_of_the_input() -> None:
    square, flat = Polynomial.square(), Flatten()
    behind = network_of(Node("square", square, (INPUT,)), Node("flat", flat, ("square",)))
    before = network_of(Node("flat", flat, (INPUT,)), Node("square", square, ("flat",)))
    for network, name in ((behind, "square+flat"), (before, "flat+square")):
        made = rewrite(network)
        shapes = [(stage.name, stage.shape) for stage in made]
        assert shapes == [(name, (2, 4, 4)), (f"{name}:flatten", (32,))]
        assert kinds(made) == [SquareStage, AffineStage]


def test_rewrite__treat_degree_one_as_affine() -> None:
    rng = np.random.default_rng(0)
    made = rewrite(
        network_of(
            Node("line", Polynomial(rng.normal(size=(2, 2))), (INPUT,)), conv(rng, "line", "conv")
        )
    )
    assert [stage.name for stage in made] == ["line+conv"]


def test_rewrite__refuse_names_that_collide() -> None:
    with pytest.raises(GraphError, match=r"'a\+b'; rename"):
        rewrite(
            network_of(
                Node("a", Flatten(), (INPUT,)),
                Node("b", Polynomial.square(), ("a",)),
                Node("a+b", Polynomial.square(), ("b",)),
            )
        )


def test_rewrite__interval_bounds_are_reached_by_one_linear_layer() -> None:
    weight: FloatArray = np.array([[1.0, -2.0, 0.5]])
    network = Network(
        "line", (3,), (Node("fc", Linear(weight, [0.25]), (INPUT,)),), input_range=(-1.0, 3.0)
    )
    (stage,) = rewrite(network)
    # Greatest 3 + 2 + 1.5 + 0.25, least -1 - 6 - 0.5 + 0.25.
    assert stage.max_abs == [7.25]
