"""Which form each polynomial of degree 2 takes, and that the forms are exact."""

from __future__ import annotations

import numpy as np
import pytest

from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, FloatArray, Layer, Linear
from nn.stages.rewriting import rewrite
from nn.stages.stage import AffineStage, PolynomialStage, SquareStage, Stage
from tests.nn.cleartext import evaluate
from tests.nn.networks import evaluation_tolerance, images_for

SIZE = 4


def linear(seed: int) -> Linear:
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(SIZE, SIZE)) / 2, rng.normal(size=SIZE))


def chain(*layers: Layer) -> Network:
    nodes, last = [], INPUT
    for index, layer in enumerate(layers):
        nodes.append(Node(f"n{index}", layer, (last,)))
        last = f"n{index}"
    return Network("chain", (SIZE,), tuple(nodes), (-1.0, 1.0))


def checked_stages(network: Network) -> tuple[Stage, ...]:
    """The stages, once they are seen to compute the network."""
    images = images_for(network, 5, 0)
    made = rewrite(network)
    difference = np.abs(evaluate(made, images)[made[-1].name] - network(images))
    assert (difference <= evaluation_tolerance(network, images)).all()
    return made


def per_channel(square: list[float], linear: list[float] | None = None) -> Polynomial:
    rows = [np.linspace(-0.5, 0.5, SIZE), linear or [0.5, -0.3, 0.2, 0.1], square]
    return Polynomial(np.array(rows).T)


MIXED = [0.5, -0.25, 1.5, -2.0]
POSITIVE = [0.5, 0.25, 1.5, 2.0]
TINY = [0.5, -1e-6, 1.5, -2.0]


def coefficients(stage: Stage) -> FloatArray:
    assert isinstance(stage, PolynomialStage)
    return stage.coefficients


def test_complete_squares__between_affine_stages_leave_a_square() -> None:
    made = checked_stages(chain(linear(0), per_channel(MIXED), linear(1)))
    assert [type(stage) for stage in made] == [AffineStage, SquareStage, AffineStage]
    assert [stage.levels for stage in made] == [1, 1, 1]
    np.testing.assert_array_equal(made[1].scale, np.sign(MIXED))


def test_complete_squares__avoid_a_harmful_subtraction() -> None:
    # b^2 / 4a = 2500 where the layer's values are a few dozen: y^2 would drown them.
    polynomial = per_channel([0.01, -0.01, 0.01, 0.01], [10.0, 10.0, -10.0, 10.0])
    made = checked_stages(chain(linear(0), polynomial, linear(1)))
    assert [type(stage) for stage in made] == [AffineStage, PolynomialStage, AffineStage]
    assert made[1].levels == 1
    # s (t^2 + s b / r t) + c with r = 0.1.
    np.testing.assert_allclose(
        coefficients(made[1]), np.stack([[0] * 4, [100, -100, -100, 100], [1] * 4], axis=1)
    )
    np.testing.assert_allclose(made[0].scale, 0.1)
    np.testing.assert_array_equal(made[0].shift, 0.0)


def test_complete_squares__need_a_square_term_of_some_size() -> None:
    made = checked_stages(chain(linear(0), per_channel(TINY), linear(1)))
    # 1 / sqrt(1e-6) > 16: the first two forms would lose too much. The third's values are some 10^6
    # times the layer's.
    assert made[1].levels == 2
    np.testing.assert_array_equal(coefficients(made[1])[:, 2], TINY)
    np.testing.assert_array_equal(made[0].scale, 1.0)


def test_complete_squares__as_the_output_keep_one_sign() -> None:
    made = checked_stages(chain(linear(0), per_channel(POSITIVE)))
    assert made[1].levels == 1
    np.testing.assert_array_equal(coefficients(made[1])[:, 1:], [[0.0, 1.0]] * 4)
    negative = checked_stages(chain(linear(0), per_channel([-x for x in POSITIVE])))
    assert negative[1].levels == 1
    np.testing.assert_array_equal(coefficients(negative[1])[:, 1:], [[0.0, -1.0]] * 4)


def test_complete_squares__as_the_output_leave_mixed_signs() -> None:
    made = checked_stages(chain(linear(0), per_channel(MIXED)))
    assert made[1].levels == 2
    np.testing.assert_array_equal(coefficients(made[1])[:, 2], MIXED)


def test_complete_squares__as_the_output_avoid_a_harmful_subtraction() -> None:
    polynomial = per_channel([0.01] * 4, [10.0] * 4)
    made = checked_stages(chain(linear(0), polynomial))
    assert made[1].levels == 1
    np.testing.assert_allclose(coefficients(made[1])[:, 1:], [[100.0, 1.0]] * 4)


def test_complete_squares__behind_an_add_take_factors_behind_only() -> None:
    network = Network(
        "sum",
        (SIZE,),
        (
            Node("fc", linear(0), (INPUT,)),
            Node("sum", Add(), (INPUT, "fc")),
            Node("act", per_channel(MIXED), ("sum",)),
            Node("out", linear(1), ("act",)),
        ),
        (-1.0, 1.0),
    )
    made = {stage.name: stage for stage in checked_stages(network)}
    assert made["act"].levels == 1
    np.testing.assert_array_equal(coefficients(made["act"])[:, [0, 2]], [[0.0, 1.0]] * 4)
    np.testing.assert_allclose(
        coefficients(made["act"])[:, 1], np.array([0.5, -0.3, 0.2, 0.1]) / MIXED
    )


def test_complete_squares__read_by_an_add_stay_exact() -> None:
    network = Network(
        "sum",
        (SIZE,),
        (
            Node("fc", linear(0), (INPUT,)),
            Node("act", per_channel(MIXED), ("fc",)),
            Node("fc2", linear(1), ("act",)),
            Node("sum", Add(), ("act", "fc2")),
        ),
        (-1.0, 1.0),
    )
    made = {stage.name: stage for stage in checked_stages(network)}
    assert made["act"].levels == 2


def test_complete_squares__leave_a_producer_with_two_readers() -> None:
    network = Network(
        "both",
        (SIZE,),
        (
            Node("fc", linear(0), (INPUT,)),
            Node("act", per_channel(MIXED), ("fc",)),
            Node("fc2", linear(1), ("act",)),
            Node("sum", Add(), ("fc", "fc2")),
        ),
        (-1.0, 1.0),
    )
    made = {stage.name: stage for stage in checked_stages(network)}
    np.testing.assert_array_equal(made["fc"].scale, 1.0)
    assert made["act"].levels == 1


@pytest.mark.parametrize("square", [[0.0, 1.0, 1.0, 1.0], [1.0, 0.0, -1.0, 2.0]])
def test_complete_squares__leave_a_channel_without_square_term(square: list[float]) -> None:
    made = checked_stages(chain(linear(0), per_channel(square), linear(1)))
    assert made[1].levels == (1 if set(square) == {1.0} else 2)
    np.testing.assert_array_equal(coefficients(made[1])[:, 2], square)


def test_complete_squares__share_coefficients_where_channels_do() -> None:
    made = checked_stages(chain(linear(0), Polynomial(np.array([0.1, 0.2, 0.3]))))
    assert coefficients(made[1]).shape == (3,)
    cubic = checked_stages(chain(linear(0), Polynomial(np.array([0.1, 0.2, 0.3, 1.0])), linear(1)))
    assert coefficients(cubic[1]).shape == (4,)
