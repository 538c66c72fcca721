"""What a client does with the output of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import nn
from he.errors import HEError
from nn.errors import NetworkError, ShapeError
from nn.network.answers import FINISHES, Answer, finished, read_answers
from nn.network.graph import Network, Node
from nn.network.layers import Linear

LOGITS = np.random.default_rng(1).normal(size=(3, 6))


@pytest.mark.parametrize(("name", "axis"), [("softmax", 0), ("softmax", 1), ("log_softmax", 1)])
def test_finished__is_torchs(name: str, axis: int) -> None:
    found = finished((Answer((2, 3), name, axis),), LOGITS)
    expected = getattr(torch, name)(torch.tensor(LOGITS).reshape(3, 2, 3), axis + 1)
    assert np.allclose(found, expected.numpy(), rtol=1e-12)


def test_finished__shares_out_several_outputs() -> None:
    first, second = finished((Answer((4,)), Answer((1, 2), "sigmoid")), LOGITS)
    assert np.array_equal(first, LOGITS[:, :4])
    assert np.allclose(second, 1 / (1 + np.exp(-LOGITS[:, None, 4:])), rtol=1e-12)


def test_finished__without_answers_is_the_logits() -> None:
    assert np.array_equal(finished((), LOGITS), LOGITS)


@pytest.mark.parametrize("items", [[[[2], "cube", 0]], [[[2], "", 1]], [[[2], ""]], [3]])
def test_read_answers__refuses(items: object) -> None:
    with pytest.raises((NetworkError, HEError)):
        read_answers(items)


def test_answers__stay_with_networks_and_plans(tmp_path: Path) -> None:
    answers = (Answer((1,)), Answer((2,), "softmax"))
    layer = Linear(np.ones((3, 2)), np.zeros(3))
    network = Network("n", (2,), (Node("a", layer, ("input",)),), answers=answers)
    nn.save(network, tmp_path / "n.npz")
    assert nn.load(tmp_path / "n.npz").answers == answers
    plan = nn.compile(network, N=1024, insecure_reason="a test")
    assert nn.read_plan(plan.to_bytes(), insecure_reason="a test").answers == answers
    assert [part.shape for part in plan.finished(np.zeros((5, 3)))] == [(5, 1), (5, 2)]
    with pytest.raises(ShapeError, match="do not share out 3"):
        Network("n", (2,), network.nodes, answers=(Answer((2,)),))
    assert set(FINISHES) == {"", "softmax", "log_softmax", "sigmoid"}
