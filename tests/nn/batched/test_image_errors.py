"""Errors of batched answers at images, against those of encrypted runs."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from he.ckks.noise import tail_factor
from nn.batched.image_errors import deviations_at_images
from nn.batched.quantize import chain_of_squares
from nn.batched.real_planner import predicted_deviations
from nn.batched.reals import placed, real_steps
from nn.network.layers import FloatArray
from tests.nn.batched.samples import REASON, SHAPES, N, cleartext, compiled


def values_of(network: nn.Network, images: FloatArray) -> list[FloatArray]:
    """What each step reads for these images, (images, size)."""
    values = [images.reshape(len(images), -1)]
    for stage in chain_of_squares(network):
        values.append(stage.evaluate(values[-1]))
    return values[:-1]


@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_deviations__are_what_is_measured(make) -> None:
    """The root mean square over 256 slots of one image and 6 keys, for each answer.

    The squared error of a slot is that of a Gaussian times the size of the secret there, which is
    exponential over slots and keys: a product of variance 3 * 2 - 1 = 5. So the mean over 1536 of
    them is within 5 sqrt(5 / 1536) = 0.29 of 1. Rounded weights count with their own size and with
    that of as many random ones, so that the prediction may be twice the variance where they rule.
    """
    network, plan, images = compiled(make)
    (params,) = plan.params
    places = placed(real_steps(network), params.max_level)
    image = images[:1]
    deviations = deviations_at_images(params, places, values_of(network, image))
    squares = []
    for _ in range(6):
        client = nn.BatchedClient(plan)
        server = nn.BatchedServer(plan, network, client.evaluation_keys())
        many = np.repeat(image, plan.images, axis=0)
        error = client.decrypt(server.run(client.encrypt(many))) - cleartext(network, many)
        squares.append(np.mean(error**2, axis=0))
    quotients = np.mean(squares, axis=0) / deviations**2
    assert (quotients < 1.29).all()
    assert (quotients > 0.71 / 2).all()


@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_deviations__are_below_the_worst_case(make) -> None:
    network, plan, images = compiled(make)
    (params,) = plan.params
    places = placed(real_steps(network), params.max_level)
    values = values_of(network, images)
    at_images = deviations_at_images(params, places, values)
    sizes = [np.abs(x).max(axis=0) for x in values]
    assert (at_images <= predicted_deviations(params, places, sizes) * (1 + 1e-9)).all()
    assert (plan.predicted_error <= plan.worst_case_error).all()


def test_plan__of_the_zoo_takes_the_small_ring() -> None:
    plan = nn.compile(nn.zoo.load("mnist"), layout="batched")
    (params,) = plan.params
    assert (params.N, params.max_level, round(params.log_qp)) == (8192, 5, 214)
    assert plan.predicted_bits > 14


@pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)
def test_prediction__from_statistics_is_near_the_largest_at_an_image(make) -> None:
    """What the statistics keep of many images, against the errors at each of these images."""
    network, _, images = compiled(make)
    network = network.calibrated(images)
    plan = nn.compile(network, layout="batched", N=N, insecure_reason=REASON, precision_bits=0)
    (params,) = plan.params
    places = placed(real_steps(network), params.max_level)
    at_images = deviations_at_images(params, places, values_of(network, images))
    quotients = plan.predicted_error / (tail_factor(plan.failure_probability) * at_images)
    assert (quotients > 0.8).all()
    assert (quotients < 3).all()
