"""Plans for approximate numbers in batches, and the errors that they predict."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from nn import BatchedClient, BatchedServer, zoo
from nn.batched.real_planner import predicted_deviations
from nn.batched.reals import placed, real_steps
from nn.errors import UnsupportedLayerError
from tests.nn.batched.samples import REASON, N, cleartext, compiled, linear_only, narrowing
from tests.nn.networks import Builder


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
    with pytest.raises(nn.PlanningError, match=f"N = {params.N // 2}: use a larger N"):
        nn.compile(zoo.load("mnist"), layout="batched", N=params.N // 2)
    with pytest.raises(nn.PlanningError, match="bits of the largest logit"):
        nn.compile(zoo.load("mnist"), layout="batched", N=params.N, precision_bits=20)


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
