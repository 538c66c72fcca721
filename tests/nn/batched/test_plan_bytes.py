"""Batched plans as bytes: the same plan again, or a named error."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import he
import nn
from he.format import container
from nn import BatchedClient, BatchedServer
from tests.nn.networks import Builder

REASON = "unit test"


def network():
    builder = Builder((1, 3, 3), 1)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(2)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


def compiled(scheme, **options):
    if scheme == "ckks":
        options["precision_bits"] = 0
    return nn.compile(
        network(), scheme=scheme, layout="batched", N=64, insecure_reason=REASON, **options
    )


@pytest.fixture(scope="module", params=["ckks", "bfv"])
def plan(request):
    return compiled(request.param)


def lied(plan, **changes):
    contents = container.unpack(plan.to_bytes(), "batched plan")
    return container.pack("batched plan", contents.header | changes, contents.sections)


def read(data):
    return nn.read_plan(data, insecure_reason=REASON)


def test_bytes__come_back_as_the_same_plan(plan):
    again = read(plan.to_bytes())
    assert type(again) is type(plan)
    for field in fields(plan):
        mine, theirs = getattr(plan, field.name), getattr(again, field.name)
        assert np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs
    assert again.to_bytes() == plan.to_bytes()


def test_bytes__serve_a_client_who_has_no_network(plan):
    client = BatchedClient(read(plan.to_bytes()))
    server = BatchedServer(plan, network(), [k.to_bytes() for k in client.evaluation_keys()])
    images = np.random.default_rng(1).random((7, 1, 3, 3))
    logits = client.decrypt(server.run(client.encrypt(images).to_bytes()).to_bytes())
    assert logits.shape == (7, 2)
    own = BatchedClient(plan)
    mine = own.decrypt(
        BatchedServer(plan, network(), own.evaluation_keys()).run(own.encrypt(images))
    )
    bound = 2 * plan.predicted_error if hasattr(plan, "predicted_error") else 0
    assert (np.abs(logits - mine) <= bound).all()


def test_bytes__of_a_secure_plan_need_no_words():
    plan = nn.compile(nn.zoo.load("mnist"), scheme="bfv")
    assert BatchedClient(plan.to_bytes()).plan.params == plan.params


def test_bytes__of_an_insecure_plan_need_words(plan):
    with pytest.raises(he.InsecureParametersError):
        nn.read_plan(plan.to_bytes())


@given(place=st.integers(0, 1 << 16), byte=st.integers(1, 255), cut=st.booleans())
def test_bytes__altered_ones_are_refused(plan, place, byte, cut):
    data = plan.to_bytes()
    at = place % len(data)
    changed = b"" if cut else bytes([data[at] ^ byte])
    with pytest.raises(he.SerializationError):
        read(data[:at] + changed + data[at + 1 :])


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "bgv"},
        {"scheme": 1},
        {"network": b"small"},
        {"fingerprint": "text"},
        {"fingerprint": bytes(15)},
        {"sets": 0},
        {"sets": 1 << 40},
        {"sets": 9},
        {"inputs": 8},
        {"inputs": True},
        {"outputs": 0},
        {"answer_level": -1},
        {"answer_level": 64},
        {"shape": []},
        {"shape": [9.0]},
        {"shape": [-3, -3]},
        {"shape": "999"},
        {"shape": [1] * 100},
        {"input_range": [1.0]},
        {"input_range": [2.0, 1.0]},
        {"input_range": [0.0, float("inf")]},
        {"input_range": [2, 1]},
        {"input_range": [0, 1 << 20]},
    ],
    ids=lambda changes: "-".join(f"{k} {v}" for k, v in changes.items()),
)
def test_bytes__that_lie_are_refused(plan, changes):
    with pytest.raises(he.SerializationError):
        read(lied(plan, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"scales": [0.0, 1.0]},
        {"scales": [1.0, float("nan")]},
        {"scales": [1, 1]},
        {"bits": [3]},
        {"bits": [3, 17]},
        {"bits": [3.0, 5]},
        {"bits": [2, 5]},
    ],
    ids=str,
)
def test_bytes__of_integers_that_lie_are_refused(changes):
    with pytest.raises(he.SerializationError):
        read(lied(compiled("bfv"), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": 3},
        {"largest_logit": float("inf")},
        {"largest_logit": 1},
        {"largest_logit": -1.0},
        {"largest_logit": 1e30},
        {"failure_probability": 0.5},
        {"input_range": [1.0, 1.0]},
        {"failure_probability": 0.0},
        {"failure_probability": 1.0},
        {"failure_probability": float("nan")},
        {"relinearized": [0]},
        {"relinearized": [4]},
        {"relinearized": [1, 1]},
        {"relinearized": [2, 1]},
        {"relinearized": [True]},
        {"relinearized": 2},
    ],
    ids=str,
)
def test_bytes__of_numbers_that_lie_are_refused(changes):
    with pytest.raises(he.SerializationError):
        read(lied(compiled("ckks"), **changes))


def test_bytes__levels_of_relinearizations_are_those_of_levels_made_of_words() -> None:
    words = compiled("ckks")
    chain = compiled("ckks", dnum=2)
    assert (words.params[0].is_chain, chain.params[0].is_chain) == (False, True)
    contents = container.unpack(words.to_bytes(), "batched plan")
    header = {key: value for key, value in contents.header.items() if key != "relinearized"}
    for data in (
        container.pack("batched plan", header, contents.sections),
        lied(chain, relinearized=[2]),
    ):
        with pytest.raises(he.CorruptBytesError, match="levels of relinearizations"):
            read(data)


@pytest.mark.parametrize("levels", [[], [1], [1, 2], [1, 2, 3]])
def test_server__relinearizations_are_those_of_the_network(levels: list[int]) -> None:
    plan = compiled("ckks")
    assert plan.relinearized == (2,)
    keys = BatchedClient(plan).evaluation_keys()
    with pytest.raises(nn.NetworkError, match="other relinearizations"):
        BatchedServer(read(lied(plan, relinearized=levels)), network(), keys)


def test_bytes__errors_that_are_none_and_parameters_of_another_scheme_are_refused():
    plan = compiled("ckks")
    contents = container.unpack(plan.to_bytes(), "batched plan")
    for change in (
        {"predicted error": np.array([-1.0, 0.0])},
        {"predicted error": np.array([np.nan, 0.0])},
        {"predicted error": np.array([np.inf, 1.0])},
        {"predicted error": np.array([0.0, 1.0])},
        {"predicted error": np.array([1.0, 1e-12])},
        {"more": b"bytes"},
        {"predicted error": np.zeros(2, dtype=np.float32)},
        {"params 0": compiled("bfv").params[0].to_bytes()},
        {"params 0": b""},
    ):
        data = container.pack("batched plan", contents.header, contents.sections | change)
        with pytest.raises(he.SerializationError):
            read(data)


def test_bytes__the_same_plain_modulus_twice_is_refused():
    plan = compiled("bfv")
    contents = container.unpack(plan.to_bytes(), "batched plan")
    twice = {f"params {k}": plan.params[0].to_bytes() for k in range(2)}
    data = container.pack("batched plan", contents.header | {"sets": 2}, twice)
    with pytest.raises(he.SerializationError, match="plain moduli"):
        read(data)


def test_client_and_server__take_batched_plans_alone():
    packed = nn.compile(network(), N=64, insecure_reason=REASON, precision_bits=0)
    with pytest.raises(nn.NetworkError, match="layout='batched'"):
        BatchedClient(packed)
    with pytest.raises(nn.NetworkError, match="layout='batched'"):
        BatchedServer(packed, network(), [])
    with pytest.raises(he.ForeignBytesError, match="batched plan"):
        nn.PackedClient(compiled("bfv").to_bytes())
