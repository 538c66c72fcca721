"""Converted networks run encrypted: every answer is within its predicted error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nn
from tests.nn.frontend import onnx_cases
from tests.nn.frontend.torch_cases import case, tensor

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's remarks on its own modules

QUICK = ["conv_reflect", "signal_network", "two_finishes"]
_NAMES = """
conv conv_stride conv_groups conv_circular transposed_stride transposed_groups avg_pool_ceil
avg_pool_uncounted adaptive_uneven batch_norm constant_pad pixel_shuffle upsample_bilinear fold
polynomial_channels conv1d_dilated transposed1d tabular weight_norm conv3d linear_on_sequence
mean_of_pixels normalised_channels strided permute tril cat_of_parts option_a einsum_channels
matmul_stacked cumsum pixel_polynomial product_of_two attention_by_pool assignment two_outputs
softmax_at_the_end scripted exported
"""
TORCH = _NAMES.split()
ONNX = ["conv_asymmetric", "keras_channels_last", "residual", "gate", "split_joined"]


def check(network: nn.Network) -> None:
    """One input, encrypted, beside the network in the clear."""
    rng = np.random.default_rng(6)
    low, high = network.input_range
    inputs = rng.uniform(low, high, (60, *network.input_shape))
    network = network.calibrated(inputs)
    plan = nn.compile(network, N=2048, insecure_reason="a test", precision_bits=5)
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    image = inputs[:1]
    found = client.decrypt(server.run(client.encrypt(image)))
    expected = network(image)
    assert found.shape == expected.shape
    assert (np.abs(found - expected).reshape(1, -1) <= plan.predicted_error).all()


def converted(name: str) -> nn.Network:
    torch.manual_seed(0)
    module, shape = case(name)
    return nn.from_torch(module, tensor(2, *shape, seed=3), name, (-1, 1))


@pytest.mark.parametrize("name", QUICK)
def test_encrypted__is_within_the_predicted_error(name: str) -> None:
    check(converted(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_encrypted__is_within_the_predicted_error_for_every_kind(name: str) -> None:
    check(converted(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ONNX)
def test_encrypted__onnx_is_within_the_predicted_error(name: str) -> None:
    data = onnx_cases.CASES[name]().SerializeToString()
    check(nn.from_onnx(data, name, (-1, 1)))
