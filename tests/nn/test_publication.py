"""Published answers: noisy where they are approximate, exact where they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nn
from he import PublicationError
from tests.nn.test_any_plan import REASON, compiled, network

IMAGES = np.random.default_rng(1).random((2, 1, 3, 3))


def answered(plan):
    client = nn.Client(plan)
    server = nn.Server(plan, network(), client.evaluation_keys())
    return client, server.run(client.encrypt(IMAGES))


@pytest.mark.parametrize("layout", ["packed", "batched"])
def test_publish__is_near_the_answer_and_fresh_each_time(layout):
    plan = nn.compile(
        network(), layout=layout, precision_bits=24, N=64, insecure_reason=REASON
    )
    client, answer = answered(plan)
    logits = client.decrypt(answer)
    one = client.publish(answer, queries=4)
    two = client.publish(answer, queries=4)
    assert (one != two).all()
    assert np.abs(one - logits).max() < plan.largest_logit
    assert np.abs(one - logits).max() > plan.predicted_error.max()


@pytest.mark.parametrize("kind", ["packed", "batched"])
def test_publish__refuses_a_plan_of_little_precision(kind):
    client, answer = answered(compiled(kind))
    with pytest.raises(PublicationError, match="would be left"):
        client.publish(answer, queries=1 << 30, security_bits=100)


def test_publish__refuses_a_plan_without_a_worst_case():
    plan = replace(compiled("packed"), worst_case_error=np.full(2, np.inf))
    client, answer = answered(plan)
    with pytest.raises(PublicationError, match="no bound on the worst case"):
        client.publish(answer, queries=1)


def test_publish__exact_integers_as_they_are():
    client, answer = answered(compiled("integers"))
    assert (client.publish(answer, queries=1) == client.decrypt(answer)).all()
