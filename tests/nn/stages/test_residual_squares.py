"""Polynomials of degree 2 behind residual sums take one level, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, FloatArray, Layer, Linear
from nn.packed.planner import levels_above_answer
from nn.stages.rewriting import rewrite
from nn.stages.stage import AddStage, PolynomialStage, SquareStage, Stage
from tests.nn.cleartext import evaluate
from tests.nn.networks import evaluation_tolerance, images_for

SIZE = 4


def linear(seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(SIZE, SIZE)) / 3, rng.normal(size=SIZE) / 4)


def activation(seed: int, square: FloatArray | None = None) -> Polynomial:
    rng = np.random.default_rng(seed)
    leading = rng.uniform(0.3, 1.5, SIZE) * rng.choice([-1.0, 1.0], SIZE)
    rows = rng.normal(size=(SIZE, 3)) / 3
    rows[:, 2] = leading if square is None else square
    return Polynomial(rows)


def residual(blocks: int, activations: list[Polynomial]) -> Network:
    """A stem, blocks of two layers with a shortcut around them, and a last layer."""
    nodes = [Node("stem", linear(0), (INPUT,)), Node("act", activations[0], ("stem",))]
    last = "act"
    for block in range(blocks):
        parts: list[tuple[str, Layer, tuple[str, ...]]] = [
            (f"b{block}.one", linear(10 + block), (last,)),
            (f"b{block}.act", activation(20 + block), (f"b{block}.one",)),
            (f"b{block}.two", linear(30 + block), (f"b{block}.act",)),
            (f"b{block}.add", Add(), (f"b{block}.two", last)),
            (f"b{block}.out", activations[block + 1], (f"b{block}.add",)),
        ]
        nodes += [Node(*part) for part in parts]
        last = f"b{block}.out"
    nodes.append(Node("fc", linear(99), (last,)))
    return Network("residual", (SIZE,), tuple(nodes), (-1.0, 1.0))


def checked_stages(network: Network) -> tuple[Stage, ...]:
    """The stages, once they are seen to compute the network, by values, scales and shifts."""
    images = images_for(network, 5, 0)
    calibrated = network.calibrated(images)
    made = rewrite(calibrated)
    values = evaluate(made, images)
    difference = np.abs(values[made[-1].name] - network(images))
    assert (difference <= evaluation_tolerance(network, images)).all()
    for stage in made:
        meant = stage.scale * network.values(images)[stage.node] + stage.shift
        size = 1 + np.abs(stage.shift) + np.abs(meant)
        assert (np.abs(values[stage.name] - meant) <= 1e-9 * size).all()
        assert (np.abs(values[stage.name]) <= stage.max_abs * (1 + 1e-9) + 1e-9).all()
    return made


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_residual_squares__take_one_level_each(blocks: int) -> None:
    made = checked_stages(residual(blocks, [activation(s) for s in range(blocks + 1)]))
    quadratic = [s for s in made if isinstance(s, SquareStage | PolynomialStage)]
    assert len(quadratic) == 1 + 2 * blocks
    assert {stage.levels for stage in quadratic} == {1}
    assert levels_above_answer(made)[INPUT] == 3 + 4 * blocks


def test_residual_squares__a_channel_without_square_keeps_two_levels() -> None:
    flat = activation(1, np.array([1.0, 0.0, 0.5, -0.5]))
    made = checked_stages(residual(2, [activation(0), flat, activation(2)]))
    assert sum(stage.levels for stage in made) > 11


def test_residual_squares__tiny_squares_are_raised_by_the_end_of_the_chain() -> None:
    tiny = activation(1, np.array([1.0, 1e-3, 0.5, -0.5]))
    made = checked_stages(residual(2, [activation(0), tiny, activation(2)]))
    assert levels_above_answer(made)[INPUT] == 11
    (last,) = [stage for stage in made if stage.node == "b1.out"]
    assert np.abs(last.scale).max() > 1.0
    sums = [stage for stage in made if isinstance(stage, AddStage)]
    assert min(float(np.abs(stage.scale).min()) for stage in sums) >= 1 / 16


def test_residual_squares__a_sum_of_two_polynomials_keeps_its_levels() -> None:
    nodes = (
        Node("stem", linear(0), (INPUT,)),
        Node("a", activation(0), ("stem",)),
        Node("other", linear(1), (INPUT,)),
        Node("b", activation(1), ("other",)),
        Node("add", Add(), ("a", "b")),
        Node("out", activation(2), ("add",)),
        Node("fc", linear(2), ("out",)),
    )
    checked_stages(Network("two", (SIZE,), nodes, (-1.0, 1.0)))


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_residual_squares__compute_the_network(seed: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    squares = np.exp(rng.normal(scale=2, size=(blocks + 1, SIZE)))
    squares *= rng.choice([-1.0, 1.0], squares.shape)
    made = [activation(seed + k, square) for k, square in enumerate(squares)]
    network = residual(blocks, made)
    images = images_for(network, 3, 0)
    stages = rewrite(network.calibrated(images))
    found = evaluate(stages, images)[stages[-1].name]
    expected = network(images)
    scale = max(float(np.abs(stage.max_abs).max()) for stage in stages)
    assert np.abs(found - expected).max() <= 1e-10 * max(scale, np.abs(expected).max(), 1.0)
