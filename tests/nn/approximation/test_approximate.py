"""Networks without polynomial activations, approximated as a whole and run encrypted."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from nn.approximation.approximate import CHEAP_AGREEMENT, EXACT_MOVE, approximation
from nn.errors import AnswerError, ApproximationError, UnsupportedLayerError
from nn.packed.planner import levels_above_answer
from nn.stages.rewriting import rewrite

REASON = "unit test"


def rectified(seed: int = 0) -> nn.Network:
    """A convolution, ReLU, max-pool and two linear layers with random weights."""
    rng = np.random.default_rng(seed)
    nodes = (
        nn.Node("conv", nn.Conv2d(rng.normal(size=(4, 1, 3, 3)) / 3, np.zeros(4)), ("input",)),
        nn.Node("relu1", nn.ScalarFunction("relu"), ("conv",)),
        nn.Node("pool", nn.MaxPool2d((2, 2), (2, 2)), ("relu1",)),
        nn.Node("flatten", nn.Flatten(), ("pool",)),
        nn.Node("fc1", nn.Linear(rng.normal(size=(12, 36)) / 6, np.zeros(12)), ("flatten",)),
        nn.Node("silu", nn.ScalarFunction("silu"), ("fc1",)),
        nn.Node("fc2", nn.Linear(rng.normal(size=(3, 12)) / 3, np.zeros(3)), ("silu",)),
    )
    return nn.Network("rectified", (1, 8, 8), nodes)


def images(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, 1, 8, 8))


@pytest.mark.parametrize("pools", ["maximum", "average", "either"])
def test_cheap__keeps_the_answers_of_the_images(pools):
    network = rectified()
    found = approximation(network, images(120), "cheap", max_pool=pools)
    assert found.agreement >= CHEAP_AGREEMENT
    answers, exact = found.network(images(120)), network(images(120))
    assert np.mean(answers.argmax(axis=1) == exact.argmax(axis=1)) == found.agreement
    assert found.network.statistics is not None
    assert {site.name for site in found.sites} == {"relu1", "pool", "silu"}


def test_exact__moves_no_logit_by_more_than_it_says():
    network = rectified()
    found = approximation(network, images(120), "exact")
    moved = np.abs(found.network(images(120)) - network(images(120))).max()
    assert moved / np.abs(network(images(120))).max() == pytest.approx(found.largest_move)
    assert found.largest_move <= EXACT_MOVE
    cheap = approximation(network, images(120), "cheap")
    assert sum(s.levels for s in cheap.sites) < sum(s.levels for s in found.sites)
    assert "x sign x" in str(found) or "degree" in str(found)


def test_labels__right_answers_are_kept():
    network, batch = rectified(), images(120)
    labels = network(batch).argmax(axis=1)
    labels[::3] = (labels[::3] + 1) % 3  # a third are wrong answers of the network itself
    found = nn.approximate(network, batch, labels=labels)
    right = np.mean(found(batch).argmax(axis=1) == labels)
    assert right >= np.mean(network(batch).argmax(axis=1) == labels) - 0.003
    with pytest.raises(ApproximationError, match="a whole number for each of the 120"):
        nn.approximate(network, batch, labels=labels[:5])


def test_degree__is_that_of_every_polynomial():
    found = approximation(rectified(), images(50), 6)
    assert {site.method for site in found.sites} == {"degree 6"}
    levels = levels_above_answer(rewrite(found.network))["input"]
    # Three linear layers behind the input, and what the sites take; the pool's last linear map is
    # merged with the layer behind.
    assert levels == 3 + sum(site.levels for site in found.sites)


def bent() -> nn.Network:
    """`rectified` with ReLUs alone."""
    network = rectified()
    nodes = tuple(
        nn.Node(node.name, nn.ScalarFunction("relu"), node.inputs)
        if isinstance(node.layer, nn.ScalarFunction)
        else node
        for node in network.nodes
    )
    return nn.Network("bent", network.input_shape, nodes, network.input_range)


def test_degrees__are_those_of_every_sign():
    found = approximation(bent(), images(50), (7, 7))
    assert {site.method for site in found.sites} == {"x sign x, degrees 7 7"}
    smooth = nn.Network("smooth", (5,), (nn.Node("a", nn.ScalarFunction("silu"), ("input",)),))
    with pytest.raises(ApproximationError, match="node 'a': silu"):
        nn.approximate(smooth, np.random.default_rng(0).uniform(0, 1, (30, 5)), (7, 7))


@pytest.mark.parametrize("margin", [0.0, 0.625])
def test_ranges__of_a_layer_is_that_of_its_widest_channel(margin):
    network, batch = bent(), images(50)
    found = approximation(network, batch, (7, 7), margin=margin, ranges="layer")
    values = found.network.values(batch)
    for site in found.sites:
        if site.function != "relu":
            continue
        largest = np.abs(values[network.node(site.name).inputs[0]]).max()
        assert site.high == -site.low
        assert site.high == pytest.approx((1 + 2 * margin) * largest)
        scaled = values[f"{site.name}.range"]
        assert np.abs(scaled).max() == pytest.approx(1 / (1 + 2 * margin))


def test_values_of_sites__are_within_their_bounds():
    """Each site alone, at the values that the calibration images have there."""
    network, batch = rectified(), images(100)
    found = approximation(network, batch, 14)
    values = found.network.values(batch)
    for site in found.sites:
        node = network.node(site.name)
        exact = node.layer.forward(*(values[name] for name in node.inputs))
        assert np.abs(values[site.name] - exact).max() <= site.error


@pytest.mark.parametrize("activation", ["cheap", "exact"])
def test_run__every_logit_is_within_the_predicted_error(activation):
    network = rectified()
    approximated = nn.approximate(network, images(100), activation)
    plan = nn.compile(approximated, N=512, precision_bits=4, insecure_reason=REASON)
    client = nn.Client(plan)
    server = nn.Server(plan, approximated, client.evaluation_keys())
    unseen = images(3, seed=9)
    logits = client.decrypt(server.run(client.encrypt(unseen)))
    assert (np.abs(logits - approximated(unseen)) <= plan.predicted_error).all()


def test_outside__is_told_in_the_clear_and_found_by_the_client():
    network = rectified()
    approximated = nn.approximate(network, images(100), 15)
    assert (nn.outside_ranges(approximated, images(100)) <= 1).all()
    # Pixels of 8 times the size are outside of the input range: the client refuses them. A client
    # that was told of a wider range gets an answer that is larger than the plan promises.
    far = 8 * images(2)
    assert (nn.outside_ranges(approximated, far) > 1).all()
    plan = nn.compile(approximated, N=512, precision_bits=4, insecure_reason=REASON)
    client = nn.Client(plan)
    with pytest.raises(nn.NetworkError, match="wider input_range"):
        client.encrypt(far)
    wider = nn.Network(
        network.name, network.input_shape, approximated.nodes, (0.0, 8.0), approximated.statistics
    )
    plan = nn.compile(wider, N=512, precision_bits=4, insecure_reason=REASON)
    client = nn.Client(plan)
    server = nn.Server(plan, wider, client.evaluation_keys())
    with pytest.raises(AnswerError):
        client.decrypt(server.run(client.encrypt(far)))


def test_compile__names_the_way_out():
    with pytest.raises(UnsupportedLayerError, match=r"nn\.approximate"):
        nn.compile(rectified())


def test_approximate__polynomial_networks_are_calibrated_alone():
    nodes = (nn.Node("square", nn.Polynomial.square(), ("input",)),)
    network = nn.Network("square", (5,), nodes)
    found = approximation(network, np.random.default_rng(0).uniform(0, 1, (30, 5)))
    assert found.sites == ()
    assert found.largest_move == 0
    assert found.network.statistics is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "fast"}, "'exact', 'cheap', a degree or a tuple"),
        ({"activation": 1}, "2 or more"),
        ({"activation": 1000}, "degree 1000"),
        ({"activation": ()}, "odd degrees are needed"),
        ({"activation": (7, 6)}, "odd degrees are needed"),
        ({"activation": (7, 1)}, "of 3 or more"),
        ({"activation": (7, 2001)}, "degree 2001"),
        ({"ranges": "image"}, "'channel' or 'layer'"),
        ({"max_pool": "mean"}, "'maximum', 'average' or 'either'"),
        ({"margin": -0.5}, "at least 0"),
    ],
)
def test_approximate__refuses_other_options(options, message):
    with pytest.raises(ApproximationError, match=message):
        nn.approximate(rectified(), images(40), **options)


def test_approximate__needs_images():
    with pytest.raises(ApproximationError, match="3 calibration images"):
        nn.approximate(rectified(), images(3))
