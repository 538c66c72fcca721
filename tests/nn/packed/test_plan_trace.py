"""`plan.trace()`: the trace of a run that never was is that of a run that was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import accel_model
import nn
from he.trace import OpTrace, Tracer
from tests.nn.samples import NETWORKS

REASON = "unit test"


def traced_run(network: nn.Network, plan: nn.InferencePlan, images: int) -> OpTrace:
    """The trace of an encrypted run."""
    client = nn.Client(plan)
    tracer = Tracer(plan.params, network.name)
    server = nn.PackedServer(plan, network, client.evaluation_keys(), tracer=tracer)
    blank = np.full((images, *network.input_shape), np.mean(network.input_range))
    server.run(client.encrypt(blank))
    return tracer.trace()


@pytest.mark.parametrize("N", [64, 512])
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_trace__is_that_of_a_run(make: Callable[[np.random.Generator], nn.Network], N: int) -> None:
    network = make(np.random.default_rng(5))
    plan = nn.compile(network, N=N, precision_bits=2, insecure_reason=REASON)
    assert plan.trace() == traced_run(network, plan, 1)
    read = nn.InferencePlan.from_bytes(plan.to_bytes(), insecure_reason=REASON)
    assert read.trace(network, images=2) == traced_run(network, plan, 2)


@pytest.mark.parametrize("name", [name for name in nn.zoo.names() if name != "cifar10"])
def test_trace__of_the_zoo(name: str) -> None:
    network = nn.zoo.load(name)
    plan = nn.compile(network)
    trace = plan.trace()
    assert trace == traced_run(network, plan, 1)
    program = accel_model.lower(trace)
    estimate = accel_model.estimate(program, accel_model.load_machine("asic7"))
    assert estimate.time_s > 0


def test_trace__without_weights() -> None:
    network = nn.zoo.load("mnist")
    plan = nn.InferencePlan.from_bytes(nn.compile(network).to_bytes())
    with pytest.raises(nn.NetworkError, match=r"mnist was read from bytes.*plan\.trace\(network"):
        plan.trace()
    with pytest.raises(nn.NetworkError):
        plan.trace(nn.zoo.load("fashion_mnist"))
    with pytest.raises(ValueError, match="images"):
        plan.trace(network, images=0)


@pytest.mark.slow
def test_trace__of_a_resnet_is_estimated() -> None:
    """Its weights are too large for a run beside it: the counts of its layers are those planned."""
    plan = nn.compile(nn.zoo.load("cifar10"))
    assert plan.params.max_level == plan.depth == 21
    program = accel_model.lower(plan.trace())
    result = accel_model.estimate(program, accel_model.load_machine("asic7"))
    assert {part.name for part in result.layers} >= {stage.name for stage in plan.stages}
    assert result.time_s >= result.ideal_s > 0
