"""Predicted errors against those of encrypted runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nn
from nn.network.graph import INPUT
from nn.network.layers import FloatArray

REASON = "unit test"


def silu(x: FloatArray) -> FloatArray:
    return x / (1 + np.exp(-x))


def sigmoid(x: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-x))


def powers(function: Callable[[FloatArray], FloatArray], degree: int, reach: float) -> FloatArray:
    """A function on [-reach, reach] as a polynomial in powers of x."""
    fit = np.polynomial.Chebyshev.interpolate(function, degree, domain=(-reach, reach))
    coefficients: FloatArray = fit.convert(kind=np.polynomial.Polynomial).coef
    return coefficients


def perceptron(
    coefficients: FloatArray, reach: float, *, is_sum: bool = False
) -> tuple[nn.Network, FloatArray]:
    """Linear, polynomial, linear, with statistics of images whose values reach `reach`."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 1, (60, 20))
    weights, biases = rng.normal(size=(2, 16, 20)), rng.normal(size=(2, 16))
    count = 1 + is_sum
    values = sum(images @ weights[i].T + biases[i] for i in range(count))
    size = reach / np.abs(values).max()
    nodes = [
        nn.Node(f"fc{i}", nn.Linear(weights[i] * size, biases[i] * size), (INPUT,))
        for i in range(count)
    ]
    if is_sum:
        nodes.append(nn.Node("sum", nn.Add(), ("fc0", "fc1")))
    last = nn.Linear(rng.normal(size=(4, 16)) / 4, rng.normal(size=4))
    nodes.append(nn.Node("act", nn.Polynomial(coefficients), (nodes[-1].name,)))
    nodes.append(nn.Node("last", last, ("act",)))
    return nn.Network("perceptron", (20,), tuple(nodes)).calibrated(images), images


def largest_error(plan: nn.InferencePlan, network: nn.Network, images: FloatArray) -> FloatArray:
    """The largest error of each logit."""
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    found: FloatArray = np.abs(
        client.decrypt(server.run(client.encrypt(images))) - network(images)
    ).max(axis=0)
    return found


@pytest.mark.parametrize(
    ("function", "degree", "reach", "least_bits"),
    [
        (silu, 3, 8.0, 24),
        (silu, 7, 8.0, 24),
        (silu, 14, 8.0, 24),
        (sigmoid, 30, 8.0, 24),
        (silu, 14, 0.5, 24),
    ],
)
def test_prediction__of_polynomials_of_high_degree(
    function: Callable[[FloatArray], FloatArray], degree: int, reach: float, least_bits: float
) -> None:
    network, images = perceptron(powers(function, degree, reach), reach)
    plan = nn.compile(network, N=1024, precision_bits=4, insecure_reason=REASON)
    assert (largest_error(plan, network, images[:8]) <= plan.predicted_error).all()
    assert plan.predicted_bits >= least_bits


def test_prediction__of_powers_that_nothing_can_scale() -> None:
    """A sum stands in front: the powers of x lose what the prediction says that they lose."""
    network, images = perceptron(powers(silu, 7, 8.0), 8.0, is_sum=True)
    plan = nn.compile(network, N=1024, precision_bits=4, insecure_reason=REASON)
    assert (largest_error(plan, network, images[:8]) <= plan.predicted_error).all()


def test_plan__is_refused_where_powers_lose_everything() -> None:
    network, _ = perceptron(powers(sigmoid, 30, 8.0), 8.0, is_sum=True)
    with pytest.raises(nn.PlanningError, match="the best plan for"):
        nn.compile(network, N=1024, precision_bits=4, insecure_reason=REASON)
