"""Approximate numbers in batches against the network itself, within the predicted error."""

from __future__ import annotations

import numpy as np
import pytest

import he
import nn
from he.batched.blocks import Blocks
from nn import BatchedClient, BatchedServer, BatchedTensor, zoo
from nn.batched.quantize import Square
from nn.batched.real_planner import predicted_deviations
from nn.batched.reals import RealAffine, placed, real_steps
from nn.batched.schedule import Relinearization
from nn.errors import InputRangeError, NetworkError, ShapeError, UnsupportedLayerError
from tests.nn.networks import Builder

REASON = "unit test"
N = 512


def narrowing(seed: int = 1) -> Builder:
    """Two convolutions and two linear layers, each with fewer outputs than inputs, squares."""
    builder = Builder((2, 6, 6), seed)
    builder.conv(4, 3, 2, 1)
    builder.polynomial(2, shared=True)
    builder.linear(7)
    builder.polynomial(2, shared=False)
    builder.linear(3)
    return builder


def widening(seed: int = 2) -> Builder:
    """A square whose linear layer has more outputs than inputs, and a square at the end."""
    builder = Builder((5,), seed)
    builder.linear(4)
    builder.polynomial(2, shared=True)
    builder.linear(9)
    builder.add(nn.Polynomial([0, 0, 1]))
    return builder


def linear_only(seed: int = 3) -> Builder:
    """No product at all."""
    builder = Builder((5,), seed)
    builder.linear(4)
    return builder


def squares(seed: int = 4) -> Builder:
    """Two squares in a row."""
    builder = Builder((3,), seed)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.add(nn.Polynomial([0, 0, 1]))
    return builder


SHAPES = [narrowing, widening, linear_only, squares]


def compiled(make, **options):
    builder = make()
    rng = np.random.default_rng(5)
    low, high = 0.0, 1.0
    network = nn.Network(make.__name__, builder.input_shape, tuple(builder.nodes))
    images = rng.uniform(low, high, (60, *builder.input_shape))
    network = network.calibrated(images)
    options = {"N": N, "insecure_reason": REASON, "precision_bits": 2} | options
    return network, nn.compile(network, layout="batched", **options), images


@pytest.fixture(scope="module", params=SHAPES, ids=lambda make: make.__name__)
def run(request):
    network, plan, images = compiled(request.param)
    client = BatchedClient(plan)
    keys = client.evaluation_keys()
    return network, plan, client, BatchedServer(plan, network, keys), images, keys


def cleartext(network, images):
    return network(images).reshape(len(images), -1)


def test_run__every_logit_is_within_the_predicted_error(run):
    network, plan, client, server, images, _ = run
    logits = client.decrypt(server.run(client.encrypt(images)))
    assert logits.shape == (60, plan.outputs)
    assert (np.abs(logits - cleartext(network, images)) <= plan.predicted_error).all()


def test_run__other_numbers_of_images_and_threads(run):
    network, plan, client, server, images, _ = run
    many = np.resize(images, (plan.images, *images.shape[1:]))
    for batch, threads in ((images[:1], 1), (images[:7], None), (many, None)):
        answer = server.run(client.encrypt(batch), threads=threads)
        assert len(answer) == len(batch)
        error = np.abs(client.decrypt(answer) - cleartext(network, batch))
        assert (error <= plan.predicted_error).all()


def test_run__bytes_between_client_and_server_change_nothing(run):
    network, plan, client, server, images, keys = run
    again = BatchedClient(plan, client.secret_key_bytes())
    remote = BatchedServer(plan, network, [key.to_bytes() for key in keys])
    batch = client.encrypt(images)
    answer = remote.run(batch.to_bytes())
    expected = server.run(batch)
    assert (answer.residues[0].data == expected.residues[0].data).all()
    assert (again.decrypt(answer.to_bytes()) == client.decrypt(expected)).all()


def test_run__answers_lie_at_the_planned_level(run):
    _, plan, client, server, images, _ = run
    answer = server.run(client.encrypt(images[:1]))
    assert (answer.level, answer.elements) == (plan.answer_level, plan.outputs)
    assert all(layer.seconds >= 0 for layer in answer.profile)


def test_run__unused_slots_stay_within_the_statistics():
    """Slots without an image hold one of the images, not zeros that the plan knows nothing of."""
    _, plan, images = compiled(squares)
    client = BatchedClient(plan)
    (blocks,) = client.encrypt(images[:2]).residues
    slots = client._codecs[0].decrypt(blocks.row(0), plan.images)
    assert np.abs(slots - np.resize(images[:2, 0], plan.images)).max() < 1e-3


@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_run__without_statistics_bounds_come_from_the_input_range(make):
    builder = make()
    network = nn.Network(make.__name__, builder.input_shape, tuple(builder.nodes))
    plan = nn.compile(
        network, layout="batched", N=N, insecure_reason=REASON, precision_bits=0
    )
    images = np.random.default_rng(6).integers(0, 2, (9, *builder.input_shape))
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    error = np.abs(client.decrypt(server.run(client.encrypt(images))) - cleartext(network, images))
    assert (error <= plan.predicted_error).all()


def test_run__large_values_inside_the_network_find_room():
    """Activations of 2^20 that the last layer shrinks: every level has room for its values."""
    nodes = (
        nn.Node("up", nn.Linear(1024.0 * np.eye(2, 3), np.zeros(2)), ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("up",)),
        nn.Node("down", nn.Linear(2.0**-20 * np.ones((3, 2)), np.zeros(3)), ("square",)),
    )
    network = nn.Network("large", (3,), nodes)
    plan = nn.compile(network, layout="batched", N=N, insecure_reason=REASON)
    images = np.random.default_rng(7).uniform(0, 1, (20, 3))
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images)))
    assert (np.abs(logits - network(images)) <= plan.predicted_error).all()
    assert plan.predicted_bits >= 6


def test_steps__levels_of_a_network_with_products_in_three_parts():
    network, plan, _ = compiled(narrowing)
    steps = real_steps(network)
    assert [type(step) for step in steps] == [
        RealAffine, Square, RealAffine, Relinearization, Square, RealAffine, Relinearization
    ]  # fmt: skip
    found = [(p.level, p.below, p.parts) for p in placed(steps, plan.params[0].max_level)]
    assert found == [(5, 4, 2), (4, 4, 2), (4, 2, 3), (2, 2, 2), (2, 0, 3)]


def test_prediction__of_one_affine_map_is_the_errors_root_mean_square():
    """Independent fresh errors: 256 slots of 4 outputs have the predicted deviation, within 2.

    Weights and roundings count in full rather than at random, so that it is no less.
    """
    network, plan, images = compiled(linear_only)
    params = plan.params[0]
    places = placed(real_steps(network), params.max_level)
    deviation = predicted_deviations(params, places, [np.ones(plan.inputs)])
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    many = np.resize(images, (plan.images, *images.shape[1:]))
    error = client.decrypt(server.run(client.encrypt(many))) - cleartext(network, many)
    measured = np.sqrt(np.mean(error**2, axis=0))
    assert (measured <= deviation).all()
    assert (deviation <= 4 * measured).all()


def test_plan__is_the_smallest_secure_one():
    plan = nn.compile(zoo.load("mnist"), layout="batched")
    (params,) = plan.params
    assert (plan.images, plan.inputs, plan.outputs) == (params.N // 2, 784, 10)
    assert params.security_estimate >= 128
    assert max(params.q + params.p) < 1 << 50
    assert plan.predicted_bits >= 6
    with pytest.raises(nn.PlanningError, match="bits of the largest logit"):
        nn.compile(zoo.load("mnist"), layout="batched", N=params.N // 2)


def test_plan__refusals_name_the_way_out():
    network, _, _ = compiled(narrowing)
    options = {"layout": "batched", "insecure_reason": REASON}
    for given, words in (
        ({"N": 5000}, "power of two"),
        ({"N": N, "dnum": 9}, "from 1 to 6"),
        ({"N": N, "precision_bits": 60}, "fewer precision_bits"),
        ({"N": N, "weight_bits": 4}, "integers"),
        ({"N": N, "layout": "scattered"}, "possible"),
    ):
        with pytest.raises(nn.PlanningError, match=words):
            nn.compile(network, **options | given)


def test_plan__weights_beyond_63_bits_are_refused():
    matrix = np.full((1, 2), 2.0**40)
    nodes = (nn.Node("fc", nn.Linear(matrix, np.zeros(1)), ("input",)),)
    network = nn.Network("heavy", (2,), nodes, input_range=(0, 2.0**-40))
    with pytest.raises(nn.PlanningError, match="scale the layer down"):
        nn.compile(network, layout="batched", N=N, insecure_reason=REASON)


def test_plan__layers_without_a_batched_form_are_refused():
    builder = Builder((4,), 1)
    builder.polynomial(3, shared=True)
    network = nn.Network("cubic", (4,), tuple(builder.nodes))
    with pytest.raises(UnsupportedLayerError, match="layout='packed'"):
        nn.compile(network, layout="batched")


def test_refusals__say_what_is_needed():
    network, plan, images = compiled(narrowing)
    client = BatchedClient(plan)
    server = BatchedServer(plan, network, client.evaluation_keys())
    for wrong in (np.zeros((plan.images + 1, 2, 6, 6)), images[0, 0, 0], images[:0]):
        with pytest.raises(ShapeError, match="needed"):
            client.encrypt(wrong)
    for pixel in (1.01, -0.01, np.nan, np.inf, -np.inf):
        batch = images[:2].copy()
        batch.flat[7] = pixel
        with pytest.raises(InputRangeError, match="input_range"):
            client.encrypt(batch)
    answer = server.run(client.encrypt(images[:2]))
    with pytest.raises(NetworkError, match="scheme='bfv'"):
        client.integers(answer)
    with pytest.raises(ShapeError, match="fresh images"):
        server.run(answer)
    fewer = BatchedTensor(plan.params, (Blocks(answer.residues[0].data[:, :, :, :2]),), 2)
    with pytest.raises(ShapeError, match="answers"):
        client.decrypt(fewer)
    stranger = compiled(narrowing, N=2 * N)[1]
    with pytest.raises(he.ParametersMismatchError):
        BatchedServer(stranger, network, BatchedClient(stranger).evaluation_keys()).run(
            client.encrypt(images[:1])
        )
    with pytest.raises(NetworkError, match="other weights"):
        BatchedServer(plan, compiled(squares)[0], client.evaluation_keys())
