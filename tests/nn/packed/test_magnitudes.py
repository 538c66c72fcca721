"""Nothing wraps around: every number of a run fits the modulus of its level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.inference.search import Magnitude, check_held, first_prime_bits
from nn.network.graph import INPUT
from nn.packed.magnitudes import packed_magnitudes
from nn.packed.packed_network import pack_network
from nn.packed.planner import levels_above_answer
from nn.stages.rewriting import rewrite
from tests.nn.cleartext import evaluate_packed
from tests.nn.networks import images_for, networks

REASON = "unit test"
WIDE = (-100.0, 100.0)


@given(networks(most_blocks=4), st.integers(0, 2**32 - 1))
def test_magnitudes__bound_every_slot_of_every_stage(network: nn.Network, seed: int) -> None:
    """Without statistics, for every image within the input range."""
    packed = list(pack_network(rewrite(network), 64))
    largest = {item.name: item.stage.max_abs for item in packed}
    largest[INPUT] = np.full(int(np.prod(network.input_shape)), 1.0)
    levels = levels_above_answer(item.stage for item in packed)
    found = list(packed_magnitudes(packed, largest, levels))
    bounds = {item.what: item.bound for item in found}
    values = evaluate_packed(packed, images_for(network, 3, seed))
    for name, slots in values.items():
        what = "the input" if name == INPUT else f"stage {name!r}"
        # One rounding in 10^9 covers the order of the sums.
        reached = np.abs(slots).mean(axis=-1).max()
        assert reached <= bounds[what] * (1 + 1e-9) + 1e-9


def run(network: nn.Network, images: np.ndarray, **options: Any) -> tuple[nn.InferencePlan, float]:
    """The plan of a network, and the largest error of encrypted logits over its prediction."""
    plan = nn.compile(network, insecure_reason=REASON, **options)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images))).reshape(len(images), -1)
    error = np.abs(logits - network(images).reshape(len(images), -1))
    return plan, float((error / plan.predicted_error).max())


def linear(outputs: int, inputs: int, size: float = 1.0) -> nn.Linear:
    weight = np.random.default_rng(1).uniform(-size, size, (outputs, inputs))
    return nn.Linear(weight, np.linspace(-size, size, outputs))


def chain(*layers: nn.network.layers.Layer, inputs: int, input_range: Any) -> nn.Network:
    names = [INPUT, *(f"layer{index}" for index in range(len(layers)))]
    nodes = [
        nn.Node(name, layer, (before,))
        for name, before, layer in zip(names[1:], names, layers, strict=False)
    ]
    return nn.Network("wide", (inputs,), tuple(nodes), input_range)


NETWORKS = {
    "one affine map": chain(linear(2, 30), inputs=30, input_range=WIDE),
    "a convolution": nn.Network(
        "wide",
        (1, 8, 8),
        (nn.Node("conv", nn.Conv2d(np.full((2, 1, 3, 3), 0.5), [1, -1]), (INPUT,)),),
        WIDE,
    ),
    "a sum that ends in a square": chain(
        linear(3, 30), nn.Polynomial.square(), inputs=30, input_range=WIDE
    ),
    "a square of the input": chain(nn.Polynomial.square(), inputs=30, input_range=WIDE),
    "large inputs, small weights": chain(
        linear(2, 30, 1e-4), inputs=30, input_range=(-1e5, 1e5)
    ),
    "a range on one side": chain(linear(2, 30), inputs=30, input_range=(0.0, 255.0)),
}


@pytest.mark.parametrize("calibrated", [False, True], ids=["range", "statistics"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_plan__holds_the_largest_answer(kind: str, calibrated: bool) -> None:
    """The images at the ends of the range, where the largest answers are."""
    network = NETWORKS[kind]
    low, high = network.input_range
    rng = np.random.default_rng(3)
    images = rng.choice([low, high], size=(6, *network.input_shape))
    if isinstance(network.nodes[0].layer, nn.Linear):
        images[0] = np.where(network.nodes[0].layer.weight[0] > 0, high, low)
    if calibrated:
        network = network.calibrated(images)
    _, share = run(network, images, N=512, precision_bits=4)
    assert share <= 1


def test_plan__of_a_batch_holds_the_largest_answer() -> None:
    network = NETWORKS["one affine map"]
    images = np.full((4, 30), 100.0)
    _, share = run(network, images, N=512, precision_bits=4, layout="batched")
    assert share <= 1


@pytest.mark.parametrize("layout", ["packed", "batched"])
def test_plan__refuses_numbers_that_nothing_holds(layout: str) -> None:
    network = chain(linear(2, 30, 1e6), inputs=30, input_range=(-1e9, 1e9))
    with pytest.raises(nn.PlanningError, match=r"may reach .*e\+\d\d, at level 0 .*calibrate"):
        nn.compile(network, N=512, insecure_reason=REASON, layout=layout)


def test_plan__refuses_bounds_that_overflow() -> None:
    layers = [nn.Polynomial.square()] * 11
    network = chain(linear(8, 8, 30.0), *layers, inputs=8, input_range=WIDE)
    with pytest.raises(nn.PlanningError, match=r"may reach .*calibrate"):
        nn.compile(network, N=512, insecure_reason=REASON)


def test_first_prime_bits__levels_above_0_help() -> None:
    number = [Magnitude("x", 0, 5.0)]
    assert first_prime_bits("n", number) == 4
    assert first_prime_bits("n", [*number, Magnitude("y", 1, 2.0**17)]) == 4
    assert first_prime_bits("n", [*number, Magnitude("y", 1, 2.0**19)]) == 5
    assert first_prime_bits("n", []) == 1


def test_check_held__names_what_does_not_fit() -> None:
    plan = nn.compile(NETWORKS["one affine map"], N=512, insecure_reason=REASON)
    limit = plan.params.value_limit(0)
    check_held("n", plan.params, [Magnitude("x", 0, limit / 2), Magnitude("y", 1, limit)])
    with pytest.raises(nn.PlanningError, match=r"x of .n. may reach .*level 0 holds"):
        check_held("n", plan.params, [Magnitude("x", 0, limit)])
