"""Answers that are not what the plan promises, or not to what the client asked: refused by name."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import he
import nn
from he.bfv.params import plain_moduli
from he.ckks.ciphertext import Ciphertext
from he.errors import NoiseBudgetExhaustedError
from nn.errors import AnswerError, IdentityError, ShapeError
from nn.inference import requests
from nn.inference.keys import ClientKeys
from nn.network.layers import FloatArray
from tests.nn.networks import Builder

REASON = "unit test"
KINDS = ["packed", "batched", "integers"]
IMAGES = np.random.default_rng(1).random((3, 1, 3, 3))


def network(seed: int = 1) -> nn.Network:
    builder = Builder((1, 3, 3), seed)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(3)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


def compiled(kind: str, seed: int = 1, N: int = 1024) -> Any:
    options: dict[str, Any] = {"N": N, "insecure_reason": REASON}
    if kind == "integers":
        return nn.compile(network(seed), scheme="bfv", **options)
    return nn.compile(network(seed), layout=kind, precision_bits=6, **options)


@dataclass
class Side:
    """A plan with fresh clients and their servers."""

    kind: str
    plan: Any

    def client(self) -> Any:
        return nn.Client(self.plan)

    def server(self, client: Any) -> Any:
        return nn.Server(self.plan, network(), client.evaluation_keys())

    def expected(self, images: FloatArray) -> FloatArray:
        return network()(images)

    def is_right(self, logits: FloatArray, images: FloatArray) -> bool:
        bound = getattr(self.plan, "predicted_error", np.inf)
        return bool((np.abs(logits - self.expected(images)) <= bound).all())

    def read(self, data: bytes, answer: bool) -> Any:
        if self.kind != "packed":
            return nn.BatchedTensor.from_bytes(data, self.plan)
        layout = self.plan.output_layout if answer else self.plan.input_layout
        return nn.EncryptedBatch.from_bytes(data, self.plan.params, layout.ciphertexts)


@pytest.fixture(scope="module", params=KINDS)
def side(request: pytest.FixtureRequest) -> Side:
    return Side(request.param, compiled(request.param))


def unnamed(batch: Any) -> Any:
    return replace(batch, ids=None)


# What belongs to whom


def test_decrypt__one_request_after_the_other_and_in_any_order(side: Side) -> None:
    client = side.client()
    server = side.server(client)
    batches = [client.encrypt(IMAGES[k : k + 1]) for k in range(3)]
    answers = [server.run(batch) for batch in batches]
    for k in (2, 0, 1):
        assert side.is_right(client.decrypt(answers[k], request=batches[k]), IMAGES[k : k + 1])


def test_decrypt__an_answer_under_another_clients_keys_is_refused(side: Side) -> None:
    client, stranger = side.client(), side.client()
    foreign = side.server(stranger)
    batch = client.encrypt(IMAGES)
    with pytest.raises(IdentityError, match="another client"):
        foreign.run(batch)
    with pytest.raises(IdentityError, match="another client"):
        client.decrypt(foreign.run(stranger.encrypt(IMAGES)))
    # A server that copies the request, but computes with another client's keys.
    wrong = replace(foreign.run(unnamed(batch)), ids=batch.ids.answered(b""))
    with pytest.raises((AnswerError, NoiseBudgetExhaustedError)):
        client.decrypt(wrong)


def test_decrypt__an_answer_to_another_plan_is_refused(side: Side) -> None:
    """Two networks of one shape under the same parameters."""
    other = compiled(side.kind, seed=2)
    if other.parameter_sets != side.plan.parameter_sets:
        other = replace(side.plan, fingerprint=network(2).fingerprint())
    assert other.id != side.plan.id
    client = side.client()
    there = nn.Client(other, client.secret_key_bytes())
    batch = there.encrypt(IMAGES)
    with pytest.raises(IdentityError, match="another plan"):
        side.server(client).run(batch)
    with pytest.raises(IdentityError, match="another plan"):
        client.decrypt(replace(side.server(client).run(unnamed(batch)), ids=batch.ids))


def test_decrypt__another_number_of_images_is_refused(side: Side) -> None:
    client = side.client()
    server = side.server(client)
    batch, more = client.encrypt(IMAGES[:2]), client.encrypt(IMAGES)
    wrong = replace(server.run(more), ids=batch.ids.answered(b""))
    with pytest.raises(IdentityError, match="3 images: the request has 2"):
        client.decrypt(wrong)
    assert side.is_right(client.decrypt(server.run(batch)), IMAGES[:2])


def test_decrypt__the_clients_own_images_are_refused(side: Side) -> None:
    client = side.client()
    batch = client.encrypt(IMAGES)
    for wrong in (batch, batch.to_bytes()):
        with pytest.raises((ShapeError, he.LevelMismatchError, IdentityError)):
            client.decrypt(wrong)
    answer = side.server(client).run(batch)
    with pytest.raises(IdentityError, match="not a server's answer"):
        client.decrypt(replace(answer, ids=batch.ids))
    with pytest.raises((ShapeError, he.LevelMismatchError, IdentityError)):
        side.server(client).run(answer)
    with pytest.raises(IdentityError, match="not encrypted images"):
        side.server(client).run(replace(batch, ids=answer.ids))


def test_decrypt__exchanged_answers_are_refused_where_the_caller_names_the_request(
    side: Side,
) -> None:
    client = side.client()
    server = side.server(client)
    one, two = client.encrypt(IMAGES[:1]), client.encrypt(IMAGES[1:2])
    answers = [server.run(one), server.run(two)]
    for request, answer in ((one, answers[1]), (two, answers[0])):
        with pytest.raises(IdentityError, match="exchanged"):
            client.decrypt(answer, request=request)
        with pytest.raises(IdentityError, match="exchanged"):
            client.decrypt(answer.to_bytes(), request=request.ids.request)
    assert side.is_right(client.decrypt(answers[0], request=one), IMAGES[:1])
    assert side.is_right(client.decrypt(answers[1], request=two.ids.request), IMAGES[1:2])


def test_decrypt__a_second_answer_is_refused(side: Side) -> None:
    client = side.client()
    server = side.server(client)
    batch = client.encrypt(IMAGES)
    answer = server.run(batch)
    logits = client.decrypt(answer)
    assert (client.decrypt(answer) == logits).all()
    assert (client.decrypt(answer, request=batch) == logits).all()
    for again in (answer.to_bytes(), server.run(batch), replace(answer)):
        with pytest.raises(IdentityError, match="answered before"):
            client.decrypt(again)
        with pytest.raises(IdentityError, match="answered before"):
            client.decrypt(again, request=batch)
    fresh = client.encrypt(IMAGES[:1])
    with pytest.raises(IdentityError, match="answered before"):
        client.decrypt(answer.to_bytes())
    assert side.is_right(client.decrypt(server.run(fresh)), IMAGES[:1])


def test_decrypt__answers_without_ids_need_the_request(side: Side) -> None:
    client = side.client()
    batch = client.encrypt(IMAGES)
    answer = unnamed(side.server(client).run(batch))
    with pytest.raises(IdentityError, match="names no request"):
        client.decrypt(answer)
    assert side.is_right(client.decrypt(answer, request=batch), IMAGES)
    with pytest.raises(IdentityError, match="answered before"):
        client.decrypt(replace(answer), request=batch)


@pytest.mark.parametrize("request_given", ["text", b"short", 3, IMAGES, b""])
def test_decrypt__requests_are_images_or_their_id(side: Side, request_given: Any) -> None:
    client = side.client()
    answer = side.server(client).run(client.encrypt(IMAGES))
    with pytest.raises(IdentityError, match="16 bytes"):
        client.decrypt(answer, request=request_given)
    with pytest.raises(IdentityError, match="16 bytes"):
        client.decrypt(answer, request=unnamed(answer))


# A stored key


def test_stored_key__is_of_the_same_client(side: Side) -> None:
    client = side.client()
    stored = client.secret_key_bytes()
    server = side.server(client)
    batch = client.encrypt(IMAGES)
    answer = server.run(batch.to_bytes()).to_bytes()
    later = nn.Client(side.plan, stored)
    assert later.secret_key_bytes() == stored
    assert side.is_right(later.decrypt(answer), IMAGES)
    with pytest.raises(IdentityError, match="answered before"):
        later.decrypt(answer)
    own = later.encrypt(IMAGES[:1])
    assert side.is_right(later.decrypt(server.run(own), request=own), IMAGES[:1])
    with pytest.raises(IdentityError, match="no open request"):
        later.decrypt(server.run(client.encrypt(IMAGES)))
    elsewhere = client.encrypt(IMAGES)
    assert side.is_right(later.decrypt(server.run(elsewhere), request=elsewhere), IMAGES)
    with pytest.raises(IdentityError, match="another client"):
        side.client().decrypt(server.run(elsewhere))


def test_stored_key__without_an_id_fits_any_client(side: Side) -> None:
    """Version 1 wrote neither ids of keys nor of requests."""
    client = side.client()
    several = side.kind != "packed"
    secrets = client._secrets if several else [client._secret]
    plain = [secret.to_bytes() for secret in secrets]
    earlier = nn.Client(side.plan, plain if several else plain[0])
    assert earlier.secret_key_bytes() == (plain if several else plain[0])
    keys: Any = earlier.evaluation_keys()
    server = nn.Server(side.plan, network(), keys)
    assert side.is_right(client.decrypt(server.run(client.encrypt(IMAGES))), IMAGES)
    mine = side.server(client)
    assert side.is_right(earlier.decrypt(mine.run(earlier.encrypt(IMAGES))), IMAGES)


def test_stored_key__he_reads_keys_with_an_id(side: Side) -> None:
    client = side.client()
    params = side.plan.parameter_sets[0]
    secret, keys = client.secret_key_bytes(), client.evaluation_keys()
    first = secret if side.kind == "packed" else secret[0]
    first_keys = keys if side.kind == "packed" else keys[0]
    assert he.SecretKey.from_bytes(first, params).params == params
    read = he.EvaluationKeys.from_bytes(first_keys.to_bytes(), params)
    assert read.relinearization is not None
    again = ClientKeys.from_bytes(first_keys.to_bytes(), params)
    assert again.key_id == first_keys.key_id
    assert again.to_bytes() == first_keys.to_bytes()


def test_key_ids__are_drawn_anew_and_tell_nothing_of_the_secret(side: Side) -> None:
    ids = {side.client()._key_id for _ in range(5)}
    assert len(ids) == 5
    assert all(len(found) == 16 for found in ids)


def test_keys__of_two_clients_are_refused() -> None:
    moduli = plain_moduli(1 << 30, 1024, 2)
    plan = nn.compile(
        network(), scheme="bfv", N=1024, insecure_reason=REASON, plain_moduli=moduli
    )
    one, two = nn.Client(plan), nn.Client(plan)
    with pytest.raises(IdentityError, match="two clients"):
        nn.Client(plan, [one.secret_key_bytes()[0], *two.secret_key_bytes()[1:]])
    with pytest.raises(IdentityError, match="two clients"):
        nn.Server(plan, network(), [one.evaluation_keys()[0], *two.evaluation_keys()[1:]])


# What the plan knows of the ciphertexts and of the logits


def test_decrypt__ciphertexts_that_are_not_the_plans_are_refused() -> None:
    side = Side("packed", compiled("packed"))
    client = side.client()
    batch = client.encrypt(IMAGES)
    answer = side.server(client).run(batch)
    (first, *others) = answer.ciphertexts
    foreign = he.CKKSParameters.build(2, N=2048, insecure_reason=REASON)
    high = replace(batch.ciphertexts[0], seed=None)
    three = replace(first, data=np.concatenate([first.data, first.data[:1]]))
    wrong: list[tuple[Ciphertext, type[Exception]]] = [
        (high, he.LevelMismatchError),
        (three, he.LevelMismatchError),
        (replace(first, scale=first.scale * 2), he.ScaleMismatchError),
        (replace(first, scale=first.scale * (1 + 2**-40)), he.ScaleMismatchError),
        (Ciphertext(foreign, np.zeros((2, 1, 2048), dtype=np.uint64), foreign.scales[0]),
         he.ParametersMismatchError),
    ]  # fmt: skip
    for ciphertext, error in wrong:
        with pytest.raises(error):
            client.decrypt(replace(answer, ciphertexts=(ciphertext, *others)))
    with pytest.raises(ShapeError, match="for each image"):
        client.decrypt(replace(answer, per_image=3))
    nan = object.__new__(Ciphertext)
    nan.__dict__.update(first.__dict__, scale=float("nan"))
    with pytest.raises(he.ScaleMismatchError):
        client.decrypt(replace(answer, ciphertexts=(nan, *others)))
    assert side.is_right(client.decrypt(answer), IMAGES)


@pytest.mark.parametrize("kind", ["packed", "batched"])
def test_decrypt__logits_beyond_the_plan_are_an_error_that_has_them(kind: str) -> None:
    plan = compiled(kind)
    client, server_plan = nn.Client(plan), plan
    keys = client.evaluation_keys()
    answer = nn.Server(server_plan, network(), keys).run(client.encrypt(IMAGES))
    right = network()(IMAGES)
    small = replace(plan, largest_logit=float(np.abs(right).max()) / 2.5)
    stored = client.secret_key_bytes()
    with pytest.raises(AnswerError, match="larger than") as caught:
        nn.Client(small, stored).decrypt(answer)
    assert np.abs(caught.value.logits - right).max() < 1e-2
    exact = replace(plan, predicted_error=np.full(3, 1e-12))
    with pytest.raises(AnswerError, match="larger error"):
        nn.Client(exact, stored).decrypt(answer)
    restored = pickle.loads(pickle.dumps(caught.value))
    assert str(restored) == str(caught.value)
    assert (restored.logits == caught.value.logits).all()


def test_decrypt__messages_tell_nothing_of_what_was_decrypted() -> None:
    """Two answers beyond the plan give the same words."""
    plan = compiled("packed")
    client = nn.Client(plan)
    server = nn.Server(plan, network(), client.evaluation_keys())
    lower = replace(plan, largest_logit=1e-6)
    said = set()
    for k in range(2):
        with pytest.raises(AnswerError) as caught:
            nn.Client(lower, client.secret_key_bytes()).decrypt(
                server.run(client.encrypt(IMAGES[k : k + 1]))
            )
        said.add(str(caught.value))
    assert len(said) == 1


def test_integers__beyond_the_plan_are_an_error_that_has_them() -> None:
    plan = compiled("integers")
    client = nn.Client(plan)
    answer = nn.Server(plan, network(), client.evaluation_keys()).run(client.encrypt(IMAGES))
    integers = client.integers(answer)
    largest = max(abs(int(value)) for value in integers.ravel())
    assert largest <= plan.largest_answer
    for bound in (largest, largest - 1):
        other = nn.Client(replace(plan, largest_answer=bound), client.secret_key_bytes())
        if bound == largest:
            assert (other.integers(answer) == integers).all()
            continue
        with pytest.raises(AnswerError, match="bound on all answers") as caught:
            other.integers(answer)
        assert (caught.value.logits == integers).all()
        with pytest.raises(AnswerError) as scaled:
            other.decrypt(answer)
        assert (scaled.value.logits == client.decrypt(answer)).all()


def test_requests__no_more_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_REMEMBERED", 2)
    side = Side("packed", compiled("packed"))
    client = side.client()
    server = side.server(client)
    batches = [client.encrypt(IMAGES[:1]) for _ in range(3)]
    with pytest.raises(IdentityError, match="no open request"):
        client.decrypt(server.run(batches[0]))
    for batch in batches[1:]:
        client.decrypt(server.run(batch))


def test_ids__travel_in_the_bytes(side: Side) -> None:
    client = side.client()
    batch = client.encrypt(IMAGES)
    answer = side.server(client).run(batch)
    assert batch.ids.request == answer.ids.request
    assert (batch.ids.is_answer, answer.ids.is_answer) == (False, True)
    assert batch.ids.plan == answer.ids.plan == side.plan.id
    assert batch.ids.key == answer.ids.key
    assert side.read(batch.to_bytes(), answer=False).ids == batch.ids
    assert side.read(answer.to_bytes(), answer=True).ids == answer.ids
    assert side.read(unnamed(answer).to_bytes(), answer=True).ids is None


def test_plan_ids__stay_the_same_in_bytes(side: Side) -> None:
    again = nn.read_plan(side.plan.to_bytes(), insecure_reason=REASON)
    assert again.id == side.plan.id
    assert compiled(side.kind).id == side.plan.id
    assert compiled(side.kind, seed=2).id != side.plan.id
    assert compiled(side.kind, N=2048).id != side.plan.id
