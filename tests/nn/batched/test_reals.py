"""Approximate numbers in batches against the network itself, within the predicted error."""

from __future__ import annotations

import numpy as np
import pytest

import he
import nn
from he.batched.blocks import Blocks
from nn import BatchedClient, BatchedServer, BatchedTensor
from nn.batched.quantize import Square
from nn.batched.reals import RealAffine, RealCodec, placed, real_steps
from nn.batched.schedule import Relinearization
from nn.errors import InputRangeError, NetworkError, ShapeError
from tests.nn.batched.samples import REASON, SHAPES, N, cleartext, compiled, narrowing, squares


@pytest.fixture(scope="module", params=SHAPES, ids=lambda make: make.__name__)
def run(request):
    network, plan, images = compiled(request.param)
    client = BatchedClient(plan)
    keys = client.evaluation_keys()
    return network, plan, client, BatchedServer(plan, network, keys), images, keys


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
    codec = RealCodec(plan.params[0], client._secrets[0], plan.params[0].max_level)
    slots = codec.decrypt(blocks.row(0), plan.images)
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
    two = Blocks(answer.residues[0].data[:, :, :, :2].copy())
    fewer = BatchedTensor(plan.params, (two,), 2, answer.level)
    with pytest.raises(ShapeError, match="answers"):
        client.decrypt(fewer)
    stranger = compiled(narrowing, N=2 * N)[1]
    with pytest.raises(he.ParametersMismatchError):
        BatchedServer(stranger, network, BatchedClient(stranger).evaluation_keys()).run(
            client.encrypt(images[:1])
        )
    with pytest.raises(NetworkError, match="other weights"):
        BatchedServer(plan, compiled(squares)[0], client.evaluation_keys())
