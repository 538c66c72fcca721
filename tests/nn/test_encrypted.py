"""Encrypted runs against the cleartext meaning of the same network, within the predicted error."""

import dataclasses

import numpy as np
import pytest

import he
import nn
from nn.errors import InputRangeError, NetworkError, ShapeError
from ntt.threads import machine_threads
from tests.nn.samples import NETWORKS, per_channel, residual, strided

REASON = "unit test"


def compiled(make, N, seed=5, **options):
    rng = np.random.default_rng(seed)
    network = make(rng)
    images = rng.uniform(0, 1, (40, *network.input_shape))
    network = network.calibrated(images)
    plan = nn.compile(network, N=N, insecure_reason=REASON, **options)
    return network, plan, images


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda make: make.__name__)
def run(request):
    network, plan, images = compiled(request.param, 512, precision_bits=4)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    return network, plan, client, server, images


def test_run__every_logit_is_within_the_predicted_error(run):
    network, plan, client, server, images = run
    logits = client.decrypt(server.run(client.encrypt(images[:4])))
    assert (np.abs(logits - network(images[:4])) <= plan.predicted_error).all()


def test_run__bytes_between_client_and_server_change_nothing(run):
    network, plan, client, _server, images = run
    received = nn.InferencePlan.from_bytes(plan.to_bytes(), insecure_reason=REASON)
    remote = nn.Server(received, network, client.evaluation_keys().to_bytes())
    batch = client.encrypt(images[:2])
    answer = remote.run(batch.to_bytes())
    again = nn.Client(plan, client.secret_key_bytes())
    assert (again.decrypt(answer.to_bytes()) == client.decrypt(answer)).all()
    assert (np.abs(client.decrypt(answer) - network(images[:2])) <= plan.predicted_error).all()


def test_run__levels_and_key_bytes_are_those_of_the_plan(run):
    _, plan, client, server, images = run
    answer = server.run(client.encrypt(images[:1]))
    assert [stage.level for stage in answer.profile] == [s.level_out for s in plan.stages]
    assert answer.ciphertexts[0].level == 0
    assert len(client.evaluation_keys().to_bytes()) == plan.evaluation_key_bytes


def test_run__several_threads_give_the_same_bits(run):
    _, _, client, server, images = run
    batch = client.encrypt(images[:3])
    one = server.run(batch, threads=1)
    many = server.run(batch, threads=machine_threads())
    for a, b in zip(one.ciphertexts, many.ciphertexts, strict=True):
        assert (a.data == b.data).all()


@pytest.mark.parametrize("make", [strided, per_channel, residual])
def test_run__tensors_that_span_several_ciphertexts(make):
    network, plan, images = compiled(make, 64, precision_bits=2)
    assert max(stage.ciphertexts for stage in plan.stages) > 1
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images[:2])))
    assert (np.abs(logits - network(images[:2])) <= plan.predicted_error).all()


def test_run__without_statistics_the_bounds_come_from_the_input_range():
    rng = np.random.default_rng(1)
    network = strided(rng)
    plan = nn.compile(network, N=512, insecure_reason=REASON)
    images = rng.uniform(0, 1, (2, 1, 8, 8))
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images)))
    assert (np.abs(logits - network(images)) <= plan.predicted_error).all()


def test_plan__insecure_bytes_need_words(run):
    _, plan, _, _, _ = run
    with pytest.raises(he.InsecureParametersError):
        nn.InferencePlan.from_bytes(plan.to_bytes())
    with pytest.raises(he.SerializationError):
        nn.InferencePlan.from_bytes(plan.to_bytes()[:-3], insecure_reason=REASON)


def test_client__a_saved_secret_key_decrypts_again(run):
    _network, plan, client, server, images = run
    again = nn.Client(plan, client.secret_key_bytes())
    answer = server.run(client.encrypt(images[:1]))
    assert (again.decrypt(answer) == client.decrypt(answer)).all()


def test_encrypt__bad_images(run):
    _, _, client, _, images = run
    with pytest.raises(ShapeError, match="batch"):
        client.encrypt(images[0])
    with pytest.raises(ShapeError):
        client.encrypt(images[:0])
    for bad in (np.nan, np.inf, 1.5, -0.1):
        wrong = images[:1].copy()
        wrong.flat[3] = bad
        with pytest.raises(InputRangeError):
            client.encrypt(wrong)


def test_server__refuses_what_is_not_the_plans(run):
    network, plan, client, server, images = run
    other, _, _ = compiled(strided, 512, seed=6)
    with pytest.raises(NetworkError, match="other weights"):
        nn.Server(plan, other, client.evaluation_keys())
    stranger = nn.Client(nn.compile(other, N=1024, insecure_reason=REASON))
    with pytest.raises(he.ParametersMismatchError):
        nn.Server(plan, network, stranger.evaluation_keys())
    keys = client.evaluation_keys()
    (dropped, _), *others = keys.galois.items()
    lower = tuple(key for key in keys.lower if key.element != dropped)
    short = he.EvaluationKeys(keys.params, keys.relinearization, dict(others), lower)
    with pytest.raises(he.MissingGaloisKeyError):
        nn.Server(plan, network, short)
    with pytest.raises(he.LevelMismatchError):
        server.run(nn.EncryptedBatch(server.run(client.encrypt(images[:1])).ciphertexts, 1))
    fresh = client.encrypt(images[:1]).ciphertexts[0]
    scaled = dataclasses.replace(fresh, scale=2 * fresh.scale)
    with pytest.raises(he.ScaleMismatchError):
        server.run(nn.EncryptedBatch((scaled,), 1))
    with pytest.raises(he.SerializationError):
        server.run(client.encrypt(images[:1]).to_bytes()[:-1])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_zoo__encrypted_classes_are_the_cleartext_ones(name):
    network = nn.zoo.load(name)
    images, _ = nn.zoo.test_images(name)
    plan = nn.compile(network)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(images[:4])))
    expected = network(images[:4])
    assert (np.abs(logits - expected) <= plan.predicted_error).all()
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).all()
