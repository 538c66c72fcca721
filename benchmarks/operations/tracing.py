"""The trace of an encrypted run, for the accelerator model."""

from __future__ import annotations

import numpy as np

import nn
from he.rlwe.evaluation_keys import EvaluationKeys
from he.trace import Tracer


def blank_images(network: nn.Network, count: int) -> np.ndarray:
    """So many images (count, *input_shape) in the middle of the input range."""
    return np.full((count, *network.input_shape), np.mean(network.input_range))


def traced_run(
    network: nn.Network,
    plan: nn.InferencePlan,
    client: nn.PackedClient,
    keys: EvaluationKeys,
    images: np.ndarray,
) -> Tracer:
    """Encrypt images, run the network on them, and return the tracer of the run."""
    tracer = Tracer(plan.params, network.name)
    server = nn.Server(plan, network, keys, tracer=tracer)
    server.run(client.encrypt(images))
    return tracer
