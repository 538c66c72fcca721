"""The table of approximations, and `from_torch` with an activation in one word."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch

import nn
from nn.errors import ApproximationError


@pytest.fixture(scope="module")
def converted():
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(20, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)
    ).eval()
    images = np.random.default_rng(0).uniform(0, 1, (80, 20))
    return module, images


def test_comparison__has_a_row_for_each_way(converted):
    module, images = converted
    network = nn.from_torch(module, images[:4], input_range=(0, 1))
    labels = network(images).argmax(axis=1)
    table = nn.compare_approximations(network, images, labels, ways=("cheap", 7, 300))
    exact, cheap, seven, far = table.rows
    assert (exact.right, exact.agreement, exact.levels) == (1.0, 1.0, None)
    assert cheap.right is not None
    assert cheap.levels is not None
    assert seven.levels is not None
    assert cheap.levels == 2 + sum(site.levels for site in cheap.approximation.sites)
    assert seven.milliseconds is not None
    assert seven.milliseconds > 0
    assert far.failure.startswith("degree 300")
    printed = str(table)
    assert "in the clear" in printed
    assert "degree 300: degree 300" in printed
    assert f"{seven.ring:,}" in printed


def test_from_torch__replaces_activations_where_it_is_asked_to(converted):
    module, images = converted
    network = nn.from_torch(
        module, images[:4], input_range=(0, 1), activation="cheap", calibration=images
    )
    assert network.statistics is not None
    plain = nn.from_torch(module, images[:4], input_range=(0, 1))
    assert (network(images) == nn.approximate(plain, images)(images)).all()
    nn.compile(network)
    with pytest.raises(ApproximationError, match="calibration=images"):
        nn.from_torch(module, images[:4], input_range=(0, 1), activation=7)


@pytest.mark.parametrize("word", ["cheap", "exact", 7, None])
def test_from_onnx__replaces_activations_as_from_torch_does(converted, word):
    module, images = converted
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter
        torch.onnx.export(module, (torch.zeros(1, 20),), file, dynamo=False)
    network = nn.from_onnx(
        file.getvalue(), input_range=(0, 1), activation=word, calibration=images
    )
    plain = nn.from_onnx(file.getvalue(), input_range=(0, 1))
    expected = nn.approximate(plain, images, "cheap" if word is None else word)
    assert (network(images) == expected(images)).all()
    nn.compile(network)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"activation": "exact"}, "'exact' needs images .* calibration=images"),
        ({"activation": 7}, "activation = 7 needs images"),
        ({"activation": "dear", "calibration": np.zeros((40, 20))}, "activation = 'dear'"),
        ({"activation": True, "calibration": np.zeros((40, 20))}, "activation = True"),
        ({"activation": 1, "calibration": np.zeros((40, 20))}, "degree 1 leaves"),
    ],
)
def test_front_ends__refuse_a_choice_before_they_read_anything(choice, message):
    for front_end, given in ((nn.from_torch, (None, None)), (nn.from_onnx, ("no file",))):
        with pytest.raises(ApproximationError, match=message):
            front_end(*given, input_range=(0, 1), **choice)
