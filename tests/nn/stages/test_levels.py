"""Levels of networks whose squares are not rescaled."""

from __future__ import annotations

import numpy as np
import pytest

from nn.network.activation import Chebyshev, Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, Layer, Linear
from nn.stages.levels import kept_squares, late_levels, levels_above_answer
from nn.stages.rewriting import rewrite

RNG = np.random.default_rng(3)


def linear(outputs: int = 4, inputs: int = 4) -> Layer:
    return Linear(RNG.normal(size=(outputs, inputs)), RNG.normal(size=outputs))


def network(*nodes: tuple[str, Layer, tuple[str, ...]]) -> Network:
    return Network("levels", (4,), tuple(Node(*node) for node in nodes), (-1.0, 1.0))


SQUARE = Polynomial.square()


def test_late_levels__a_square_takes_none_and_a_sum_takes_one_for_it() -> None:
    made = rewrite(
        network(
            ("a", linear(), (INPUT,)),
            ("x", SQUARE, ("a",)),
            ("b", linear(), ("x",)),
            ("y", SQUARE, ("b",)),
            ("c", linear(), ("y",)),
            ("sum", Add(), ("c", "x")),
            ("z", SQUARE, ("sum",)),
            ("d", linear(2), ("z",)),
        )
    )
    levels = late_levels(made)
    assert levels is not None
    assert [levels[stage.name] for stage in made] == [3, 3, 2, 2, 1, 1, 1, 0]
    assert levels[INPUT] == 4
    assert kept_squares(made, levels) == {"x", "y", "z"}
    assert kept_squares(made, levels_above_answer(made)) == frozenset()


def chain_of(*layers: Layer) -> Network:
    names = [INPUT, *(f"n{k}" for k in range(len(layers)))]
    return network(*((names[k + 1], layer, (names[k],)) for k, layer in enumerate(layers)))


@pytest.mark.parametrize(
    "given",
    [
        chain_of(linear(), linear(2)),  # no square
        chain_of(SQUARE, linear(2)),  # of the input
        chain_of(linear(), SQUARE, SQUARE, linear(2)),  # of a square
        chain_of(linear(), SQUARE),  # the answer
        chain_of(linear(), SQUARE, linear(), Chebyshev(np.ones(4) / 9), linear(2)),
        network(  # the sum would stand below both of its inputs
            ("a", linear(), (INPUT,)),
            ("x", SQUARE, ("a",)),
            ("sum", Add(), ("a", "x")),
            ("d", linear(2), ("sum",)),
        ),
    ],
)
def test_late_levels__are_none_for_other_networks(given: Network) -> None:
    made = rewrite(given)
    levels = late_levels(made)
    assert levels is None or not any(
        levels[stage.name] != min(levels[name] for name in stage.inputs)
        for stage in made
        if type(stage).__name__ == "AddStage"
    )
    if given.nodes[-1].name != "d":
        assert levels is None
