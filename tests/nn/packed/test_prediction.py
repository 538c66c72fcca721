"""Predicted errors against those of encrypted runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import he
import nn
from he.ckks.noise import tail_factor
from nn.network.error_growth import MOST_ANSWERS
from nn.network.graph import INPUT
from nn.network.layers import FloatArray
from nn.packed.operating_points import OperatingPoints
from nn.packed.packed_network import pack_network
from nn.packed.planner import levels_above_answer
from nn.packed.prediction import Prediction
from nn.stages.rewriting import rewrite
from tests.nn.networks import images_for, networks

REASON = "unit test"
PICTURES = ("mnist", "fashion_mnist")


def silu(x: FloatArray) -> FloatArray:
    return x / (1 + np.exp(-x))


def sigmoid(x: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-x))


def powers(function: Callable[[FloatArray], FloatArray], degree: int, reach: float) -> FloatArray:
    """A function on [-reach, reach] as a polynomial in powers of x."""
    fit = np.polynomial.Chebyshev.interpolate(function, degree, domain=(-reach, reach))
    coefficients: FloatArray = fit.convert(kind=np.polynomial.Polynomial).coef
    return coefficients


def perceptron(
    coefficients: FloatArray, reach: float, *, is_sum: bool = False
) -> tuple[nn.Network, FloatArray]:
    """Linear, polynomial, linear, with statistics of images whose values reach `reach`."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 1, (60, 20))
    weights, biases = rng.normal(size=(2, 16, 20)), rng.normal(size=(2, 16))
    count = 1 + is_sum
    values = sum(images @ weights[i].T + biases[i] for i in range(count))
    size = reach / np.abs(values).max()
    nodes = [
        nn.Node(f"fc{i}", nn.Linear(weights[i] * size, biases[i] * size), (INPUT,))
        for i in range(count)
    ]
    if is_sum:
        nodes.append(nn.Node("sum", nn.Add(), ("fc0", "fc1")))
    last = nn.Linear(rng.normal(size=(4, 16)) / 4, rng.normal(size=4))
    nodes.append(nn.Node("act", nn.Polynomial(coefficients), (nodes[-1].name,)))
    nodes.append(nn.Node("last", last, ("act",)))
    return nn.Network("perceptron", (20,), tuple(nodes)).calibrated(images), images


def largest_error(plan: nn.InferencePlan, network: nn.Network, images: FloatArray) -> FloatArray:
    """The largest error of each logit."""
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    found: FloatArray = np.abs(
        client.decrypt(server.run(client.encrypt(images))) - network(images)
    ).max(axis=0)
    return found


@pytest.mark.parametrize(
    ("function", "degree", "reach", "least_bits"),
    [
        (silu, 3, 8.0, 24),
        (silu, 7, 8.0, 24),
        (silu, 14, 8.0, 24),
        (sigmoid, 30, 8.0, 24),
        (silu, 14, 0.5, 24),
    ],
)
def test_prediction__of_polynomials_of_high_degree(
    function: Callable[[FloatArray], FloatArray], degree: int, reach: float, least_bits: float
) -> None:
    network, images = perceptron(powers(function, degree, reach), reach)
    plan = nn.compile(network, N=1024, precision_bits=least_bits, insecure_reason=REASON)
    assert (largest_error(plan, network, images[:8]) <= plan.predicted_error).all()
    assert plan.predicted_bits >= least_bits


def test_prediction__of_powers_that_nothing_can_scale() -> None:
    """A sum stands in front: the powers of x lose what the prediction says that they lose."""
    network, images = perceptron(powers(silu, 7, 8.0), 8.0, is_sum=True)
    plan = nn.compile(network, N=1024, precision_bits=4, insecure_reason=REASON)
    assert (largest_error(plan, network, images[:8]) <= plan.predicted_error).all()


def test_plan__is_refused_where_powers_lose_everything() -> None:
    network, _ = perceptron(powers(sigmoid, 30, 8.0), 8.0, is_sum=True)
    with pytest.raises(nn.PlanningError, match="the best plan for"):
        nn.compile(network, N=1024, precision_bits=4, insecure_reason=REASON)


def margins(name: str, count: int) -> tuple[nn.InferencePlan, FloatArray]:
    """A plan of the zoo, and the errors of `count` test images over their predictions."""
    network = nn.zoo.load(name)
    images, _ = nn.zoo.test_images(name)
    plan = nn.compile(network)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    shares = []
    for start in range(0, count, 50):
        batch = images[start : start + 50]
        error = np.abs(client.decrypt(server.run(client.encrypt(batch))) - network(batch))
        shares.append(error / plan.predicted_error)
    return plan, np.concatenate(shares)


@pytest.mark.parametrize("name", PICTURES)
def test_prediction__holds_for_a_thousand_logits_of_a_real_network(name: str) -> None:
    _, shares = margins(name, 100)
    assert shares.max() <= 1
    # And is of the size of the errors: the largest of a thousand is four deviations of 19.6.
    assert shares.max() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_prediction__holds_for_ten_thousand_logits_of_a_real_network(name: str) -> None:
    _, shares = margins(name, 1000)
    assert shares.size == 10000
    assert shares.max() <= 1
    assert 0.08 < shares.max() < 0.5


@pytest.mark.parametrize("name", PICTURES)
def test_prediction__holds_for_images_unlike_the_calibration_images(name: str) -> None:
    """Noise, negatives, blank images and images of the other kind.

    Where logits exceed what the plan knows, the client says so; their errors are within the worst
    case even then, though no plan promises it.
    """
    network = nn.zoo.load(name)
    (other,) = set(PICTURES) - {name}
    rng = np.random.default_rng(0)
    shape = (6, 1, 28, 28)
    own, _ = nn.zoo.test_images(name)
    kinds = {
        "uniform": rng.uniform(0, 1, shape),
        "binary": rng.integers(0, 2, shape).astype(float),
        "negative": 1.0 - own[:6],
        "blank": np.stack([np.zeros(shape[1:]), np.ones(shape[1:])]),
        "other": nn.zoo.test_images(other)[0][:6].astype(float),
    }
    plan = nn.compile(network)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    within = 0
    for images in kinds.values():
        try:
            logits, bound = client.decrypt(server.run(client.encrypt(images))), plan.predicted_error
            within += 1
        except nn.AnswerError as error:
            logits, bound = error.logits, plan.worst_case_error
        assert (np.abs(logits - network(images)) <= bound).all()
    assert within >= 1


@given(networks(most_blocks=5), st.integers(0, 2**32 - 1), st.sampled_from([1, 4, 30]))
def test_prediction__from_statistics_is_near_the_largest_at_an_image(
    network: nn.Network, seed: int, count: int
) -> None:
    """What the statistics keep of many images, against the errors at each of these images."""
    images = images_for(network, count, seed)
    network = network.calibrated(images)
    packed = list(pack_network(rewrite(network), 64))
    levels = levels_above_answer(item.stage for item in packed)
    options = {"N": 128, "scale_bits": 30, "integer_bits": 10, "insecure_reason": REASON}
    params = he.CKKSParameters.build(levels[INPUT], dnum=levels[INPUT] + 1, **options)
    reach = {item.name: item.stage.max_abs for item in packed}
    reach[INPUT] = np.full(images[0].size, 1.0)
    at_images = OperatingPoints.of_images(packed, images)
    typical = OperatingPoints.of_statistics(network, packed, reach)
    exact = Prediction(packed, levels, at_images).deviations(params)
    found = Prediction(packed, levels, typical).deviations(params)
    if len(exact) <= MOST_ANSWERS:  # more answers are bounded by those
        assert (found >= 0.8 * exact).all()


@pytest.mark.parametrize("name", PICTURES)
def test_prediction__of_the_zoo_is_near_the_largest_at_a_test_image(name: str) -> None:
    network = nn.zoo.load(name)
    plan = nn.compile(network)
    assert plan.packed is not None
    images = nn.zoo.test_images(name)[0][:300].astype(np.float64)
    levels = levels_above_answer(item.stage for item in plan.packed)
    points = OperatingPoints.of_images(plan.packed, images)
    bound = tail_factor(plan.failure_probability) * Prediction(
        plan.packed, levels, points
    ).deviations(plan.params)
    assert (bound < plan.predicted_error).all()
    assert (plan.predicted_error < 2 * bound).all()


def test_plan__of_the_zoo_needs_no_larger_ring_than_its_networks() -> None:
    """The levels are as many as the layers take, and the bits are some above the default."""
    for name, rotations in (("mnist", 34), ("fashion_mnist", 35)):
        plan = nn.compile(nn.zoo.load(name))
        assert (plan.params.N, plan.depth, plan.rotations) == (8192, 5, rotations)
        assert 8.5 <= plan.predicted_bits < 10.5


def test_plan__of_statistics_without_growth_has_the_worst_case_alone() -> None:
    """As network files of older versions have them."""
    network = nn.zoo.load("mnist")
    assert network.statistics is not None
    plain = {name: replace(found, growth=None) for name, found in network.statistics.items()}
    plan = nn.compile(network)
    worst = nn.compile(replace(network, statistics=plain))
    assert np.array_equal(worst.predicted_error, worst.worst_case_error)
    # The largest values of all images together are steeper than any image.
    assert (plan.worst_case_error > 2 * plan.predicted_error).all()
    if plan.params == worst.params:
        assert np.allclose(plan.worst_case_error, worst.predicted_error, rtol=1e-12)
    assert plan.calibrated
    assert worst.calibrated


def test_prediction__in_depth_stays_near_the_errors() -> None:
    """Twelve residual blocks: carried variances with every slope at its largest explode."""
    rng = np.random.default_rng(2)
    nodes, last = [], INPUT
    for block in range(12):
        names = [f"{kind}{block}" for kind in ("fc", "act", "add")]
        weight = rng.normal(size=(8, 8)) / 8
        nodes += [
            nn.Node(names[0], nn.Linear(weight, rng.normal(size=8) / 8), (last,)),
            nn.Node(names[1], nn.Polynomial([0.0, 0.5, 0.25]), (names[0],)),
            nn.Node(names[2], nn.Add(), (names[1], last)),
        ]
        last = names[2]
    nodes.append(nn.Node("last", nn.Linear(rng.normal(size=(3, 8)) / 3, np.zeros(3)), (last,)))
    network = nn.Network("deep", (8,), tuple(nodes), (-1.0, 1.0))
    images = rng.uniform(-1, 1, (200, 8))
    network = network.calibrated(images)
    plan = nn.compile(network, N=256, precision_bits=4, insecure_reason=REASON)
    found = largest_error(plan, network, images[:20])
    assert (found <= plan.predicted_error).all()
    assert (plan.predicted_error < 50 * found).all()
