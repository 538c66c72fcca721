"""A small residual network planned as deep ones are: a chain, and diagonals that repeat."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import Add, AvgPool2d, Conv2d, Flatten, Layer, Linear

REASON = "unit test"


def residual_network(blocks: int = 2, channels: int = 2, size: int = 8) -> Network:
    """A stem, residual blocks of two convolutions, of which the second block halves the image."""
    rng = np.random.default_rng(5)
    nodes: list[Node] = []

    def add(name: str, layer: Layer, *inputs: str) -> str:
        nodes.append(Node(name, layer, inputs))
        return name

    def convolution(name: str, source: str, inputs: int, outputs: int, stride: int) -> str:
        weight = rng.normal(size=(outputs, inputs, 3, 3)) / (3 * np.sqrt(inputs))
        bias = rng.normal(size=outputs) / 10
        return add(name, Conv2d(weight, bias, (stride, stride), (1, 1)), source)

    def activation(name: str, source: str, count: int) -> str:
        rows = rng.uniform(0.2, 0.6, (count, 3)) * rng.choice([-1.0, 1.0], (count, 3))
        return add(name, Polynomial(rows), source)

    last = activation("act", convolution("stem", INPUT, 1, channels, 1), channels)
    width = channels
    for block in range(blocks):
        outputs, stride = (2 * width, 2) if block == 1 else (width, 1)
        inner = convolution(f"{block}.one", last, width, outputs, stride)
        inner = activation(f"{block}.act", inner, outputs)
        inner = convolution(f"{block}.two", inner, outputs, outputs, 1)
        if stride == 2:
            weight = np.eye(outputs, width)[:, :, None, None]
            last = add(f"{block}.short", Conv2d(weight, np.zeros(outputs), (2, 2), (0, 0)), last)
        last = activation(f"{block}.out", add(f"{block}.add", Add(), inner, last), outputs)
        width = outputs
    side = size // 2 if blocks > 1 else size
    last = add("pool", AvgPool2d((side, side), (side, side)), last)
    last = add("flatten", Flatten(), last)
    add("fc", Linear(rng.normal(size=(3, width)), rng.normal(size=3)), last)
    network = Network("residual", (1, size, size), tuple(nodes), (-1.0, 1.0))
    return network.calibrated(rng.uniform(-1, 1, (32, 1, size, size)))


@pytest.fixture(params=["plain", "frugal", "late", "late and frugal"])
def plan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> nn.InferencePlan:
    monkeypatch.setattr("nn.inference.search.KEY_BYTES", 1)
    if "frugal" in request.param:
        monkeypatch.setattr("nn.packed.packed_network.MANY_WEIGHTS", 0)
    if "late" not in request.param:
        monkeypatch.setattr("nn.packed.late_planner.late_levels", lambda stages: None)
    return nn.compile(residual_network(), N=512, precision_bits=3, insecure_reason=REASON)


def test_deep_network__answers_within_its_prediction(plan: nn.InferencePlan) -> None:
    network = residual_network()
    # One level for each convolution and each activation, and for the last layer with the pool;
    # none for activations where squares are not rescaled.
    late = any(s.kind == "square" and s.level_in == s.level_out for s in plan.stages)
    assert plan.params.is_chain != late
    assert plan.depth <= (2 + 4 + 2 if late else 2 + 4 * 2 + 2)
    client = nn.Client(plan)
    keys = client.evaluation_keys().to_bytes()
    images = np.random.default_rng(1).uniform(-1, 1, (3, *network.input_shape))
    batch = client.encrypt(images).to_bytes()
    read = nn.read_plan(plan.to_bytes(), insecure_reason=REASON)
    largest = max(stage.weight_bytes or 0 for stage in plan.stages)
    answers = [
        nn.Server(given, network, keys, memory_bytes=budget).run(batch)
        for given, budget in ((plan, None), (read, None), (plan, largest))
    ]
    first, *others = answers
    logits = client.decrypt(first)
    assert (np.abs(logits - network(images)) <= plan.predicted_error).all()
    for other in others:
        for mine, its in zip(first.ciphertexts, other.ciphertexts, strict=True):
            assert (mine.data == its.data).all()


def test_deep_network__frugal_packings_store_fewer_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"N": 2048, "precision_bits": 3, "insecure_reason": REASON}
    network = residual_network(channels=4)
    plain = nn.compile(network, **options)
    monkeypatch.setattr("nn.packed.packed_network.MANY_WEIGHTS", 0)
    frugal = nn.compile(network, **options)
    assert frugal.weight_bytes is not None
    assert plain.weight_bytes is not None
    assert frugal.weight_bytes <= plain.weight_bytes
