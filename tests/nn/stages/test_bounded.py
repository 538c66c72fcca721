"""Networks whose values are scaled into [-1, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from nn.network.activation import Chebyshev, Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, Linear
from nn.network.two_inputs import Multiply
from nn.stages.bounded import FULL
from nn.stages.rewriting import rewrite
from nn.stages.stage import PolynomialStage, Stage

RNG = np.random.default_rng(2)


def linear(size: float = 1.0) -> Linear:
    return Linear(size * RNG.normal(size=(6, 6)), RNG.normal(size=6))


def network() -> Network:
    """Squares, a cubic polynomial, a Chebyshev one with its range, a product and a sum."""
    nodes = (
        Node("a", linear(3.0), (INPUT,)),
        Node("square", Polynomial([1.0, 2.0, 0.5]), ("a",)),
        Node("b", linear(), ("square",)),
        Node("cubic", Polynomial([0.1, 1.0, 0.2, 0.01]), ("b",)),
        Node("c", linear(), ("cubic",)),
        Node("sum", Add(), ("c", "square")),
        Node("range", Polynomial([0.0, 1e-4]), ("sum",)),
        Node("sign", Chebyshev([0.0, 1.2, 0.0, -0.2]), ("range",)),
        Node("product", Multiply(), ("range", "sign")),
        Node("out", Linear(1e4 * RNG.normal(size=(2, 6)), RNG.normal(size=2)), ("product",)),
    )
    images = RNG.uniform(-1, 1, (40, 6))
    return Network("bounded", (6,), nodes, (-1.0, 1.0)).calibrated(images)


def values_of(stages: tuple[Stage, ...], images: np.ndarray) -> dict[str, np.ndarray]:
    found = {INPUT: images}
    for stage in stages:
        found[stage.name] = stage.evaluate(*(found[name] for name in stage.inputs))
    return found


def test_bounded__the_answers_are_the_same_and_the_values_small() -> None:
    given = network()
    stages = rewrite(given, bounded=True)
    images = RNG.uniform(-1, 1, (5, 6))
    found = values_of(stages, images)
    assert np.allclose(found[stages[-1].name], given(images), rtol=1e-9, atol=1e-9)
    plain = {stage.name: stage for stage in rewrite(given)}
    assert max(stage.max_abs.max() for stage in plain.values()) > 1
    last = stages[-1].name
    reads = {stage.input for stage in stages if _is_chebyshev(stage)}
    for stage in stages:
        if stage.name not in (last, *reads):
            assert stage.max_abs.max() <= FULL * (1 + 1e-9)
        assert stage.levels == plain[stage.name].levels


def test_bounded__each_value_says_how_it_was_scaled() -> None:
    given = network()
    images = RNG.uniform(-1, 1, (5, 6))
    exact = given.values(images)
    stages = rewrite(given, bounded=True)
    found = values_of(stages, images)
    for stage in stages:
        expected = stage.scale * exact[stage.node].reshape(5, -1) + stage.shift
        assert np.allclose(found[stage.name], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("bound", [1e-3, 1e3])
def test_bounded__fills_the_range_whatever_the_size(bound: float) -> None:
    nodes = (
        Node("a", Linear(bound * np.eye(3), np.zeros(3)), (INPUT,)),
        Node("cubic", Polynomial([0.0, 1.0, 0.0, 1e-9]), ("a",)),
        Node("out", Linear(np.eye(3), np.zeros(3)), ("cubic",)),
    )
    given = Network("sizes", (3,), nodes, (-1.0, 1.0))
    stages = rewrite(given.calibrated(RNG.uniform(-1, 1, (20, 3))), bounded=True)
    by_name = {stage.name: stage for stage in stages}
    if not _is_chebyshev(by_name["cubic"]):
        assert by_name["a"].max_abs.max() == pytest.approx(FULL)
    assert by_name["cubic"].max_abs.max() == pytest.approx(FULL)


@pytest.mark.parametrize("first", [Polynomial([0.0, 0.0, 1.0]), Add()])
def test_bounded__values_that_hang_together_with_the_input_leave_others_bounded(first) -> None:
    a = Node("a", linear(4.0), (INPUT,))
    inputs = ("a", INPUT) if isinstance(first, Add) else (INPUT,)
    nodes = (
        *([a] if isinstance(first, Add) else []),
        Node("first", first, inputs),
        Node("b", linear(4.0), ("first",)),
        Node("cubic", Polynomial([0.1, 1.0, 0.2, 0.01]), ("b",)),
        Node("out", Linear(RNG.normal(size=(2, 6)), np.zeros(2)), ("cubic",)),
    )
    images = RNG.uniform(-1, 1, (40, 6))
    given = Network("hanging", (6,), nodes, (-1.0, 1.0)).calibrated(images)
    stages = rewrite(given, bounded=True)
    plain = {stage.name: stage for stage in rewrite(given)}
    by_name = {stage.name: stage for stage in stages}
    assert by_name["first"].max_abs.max() == pytest.approx(plain["first"].max_abs.max(), rel=1e-5)
    assert by_name["first"].max_abs.max() > FULL
    assert by_name["cubic"].max_abs.max() == pytest.approx(FULL, rel=1e-5)
    found = values_of(stages, images)
    assert np.allclose(found[stages[-1].name], given(images), rtol=1e-9, atol=1e-9)


def _is_chebyshev(stage: Stage) -> bool:
    return isinstance(stage, PolynomialStage) and stage.basis == "chebyshev"
