"""A LeNet-5 with ReLU and max-pool, from ONNX, run encrypted without retraining."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import nn
from tests.nn.approximation import lenet

CALIBRATED_ON = 500


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """The network of an ONNX file, and the approximated one, calibrated on the last images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    module = lenet.trained()
    torch.set_num_threads(threads)
    _, (images, labels) = lenet.split()
    file = tmp_path_factory.mktemp("lenet") / "lenet.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter
        torch.onnx.export(
            module,
            (torch.zeros(1, 1, 28, 28),),
            str(file),
            dynamo=False,
            input_names=["pixels"],
            dynamic_axes={"pixels": {0: "batch"}},
        )
    network = nn.from_onnx(file, name="lenet5", input_range=(0, 1))
    cheap = nn.approximate(
        network, images[-CALIBRATED_ON:], "cheap", labels=labels[-CALIBRATED_ON:]
    )
    return network, cheap


@pytest.mark.slow
def test_cheap__loses_at_most_half_a_point(networks):
    network, cheap = networks
    _, (images, labels) = lenet.split()
    images, labels = images[:-CALIBRATED_ON], labels[:-CALIBRATED_ON]
    right, kept = (np.mean(n(images).argmax(axis=1) == labels) for n in (network, cheap))
    assert right > 0.975
    assert kept >= right - 0.005
    assert np.mean(nn.outside_ranges(cheap, images) > 1) < 0.005


@pytest.mark.slow
def test_run__200_images_are_within_half_a_point(networks):
    network, cheap = networks
    _, (images, labels) = lenet.split()
    images, labels = images[:200], labels[:200]
    plan = nn.compile(cheap)
    client = nn.Client(plan)
    server = nn.Server(plan, cheap, client.evaluation_keys())
    logits = np.concatenate(
        [
            client.decrypt(server.run(client.encrypt(images[start : start + 8])))
            for start in range(0, 200, 8)
        ]
    )
    assert (np.abs(logits - cheap(images)) <= plan.predicted_error).all()
    right, kept = (np.mean(x.argmax(axis=1) == labels) for x in (network(images), logits))
    assert kept >= right - 0.005
