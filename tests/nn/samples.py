"""Small networks that have stages of every kind, with random weights."""

from __future__ import annotations

import numpy as np

import nn


def _weights(rng, *shape):
    """Uniform weights that keep the size of activations about 1."""
    fan_in = int(np.prod(shape[1:]))
    return rng.uniform(-1, 1, shape) / np.sqrt(fan_in)


def _conv(rng, outputs, inputs, kernel, **options):
    bias = rng.uniform(-0.2, 0.2, outputs)
    return nn.Conv2d(_weights(rng, outputs, inputs, kernel, kernel), bias, **options)


def _linear(rng, outputs, inputs):
    return nn.Linear(_weights(rng, outputs, inputs), rng.uniform(-0.2, 0.2, outputs))


def small(name="small"):
    """conv - square - linear on images (1, 6, 6): five classes, three levels."""
    rng = np.random.default_rng(7)
    conv = nn.Conv2d(rng.uniform(-0.3, 0.3, (2, 1, 3, 3)), np.zeros(2), (2, 2), (1, 1))
    nodes = (
        nn.Node("conv", conv, ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("conv",)),
        nn.Node("flatten", nn.Flatten(), ("square",)),
        nn.Node("fc", nn.Linear(rng.uniform(-1, 1, (5, 18)), rng.uniform(-1, 1, 5)), ("flatten",)),
    )
    return nn.Network(name, (1, 6, 6), nodes)


def strided(rng):
    nodes = (
        nn.Node("conv", _conv(rng, 4, 1, 3, stride=(2, 2), padding=(1, 1)), ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("conv",)),
        nn.Node("flatten", nn.Flatten(), ("square",)),
        nn.Node("fc", _linear(rng, 3, 64), ("flatten",)),
    )
    return nn.Network("strided", (1, 8, 8), nodes)


def per_channel(rng):
    """Two strided convolutions, batch norm, per-channel polynomials of degree 2."""
    polynomial = rng.uniform(0.2, 0.6, (4, 3))
    norm = nn.BatchNorm(
        rng.normal(size=4), rng.uniform(0.5, 2, 4), rng.normal(size=4), rng.normal(size=4), 1e-5
    )
    nodes = (
        nn.Node("conv1", _conv(rng, 4, 2, 3, stride=(2, 2), padding=(1, 1)), ("input",)),
        nn.Node("norm", norm, ("conv1",)),
        nn.Node("act1", nn.Polynomial(polynomial), ("norm",)),
        nn.Node("conv2", _conv(rng, 8, 4, 3, stride=(2, 1), padding=(1, 0)), ("act1",)),
        nn.Node("flatten", nn.Flatten(), ("conv2",)),
        nn.Node("fc", _linear(rng, 5, 32), ("flatten",)),
    )
    return nn.Network("per channel", (2, 8, 8), nodes)


def residual(rng):
    """A residual block whose activation reads the sum, then pooling: no square can be completed."""
    nodes = (
        nn.Node("conv1", _conv(rng, 4, 1, 3, padding=(1, 1)), ("input",)),
        nn.Node("act1", nn.Polynomial([0.1, 0.5, 0.25]), ("conv1",)),
        nn.Node("conv2", _conv(rng, 4, 4, 3, padding=(1, 1)), ("act1",)),
        nn.Node("add", nn.Add(), ("conv2", "act1")),
        nn.Node("act2", nn.Polynomial(rng.uniform(0.1, 0.4, (4, 3))), ("add",)),
        nn.Node("pool", nn.AvgPool2d((2, 2), (2, 2)), ("act2",)),
        nn.Node("flatten", nn.Flatten(), ("pool",)),
        nn.Node("fc", _linear(rng, 3, 64), ("flatten",)),
    )
    return nn.Network("residual", (1, 8, 8), nodes)


def cubic(rng):
    nodes = (
        nn.Node("fc1", _linear(rng, 16, 20), ("input",)),
        nn.Node("act", nn.Polynomial([0.1, 0.6, 0.0, -0.2]), ("fc1",)),
        nn.Node("fc2", _linear(rng, 4, 16), ("act",)),
    )
    return nn.Network("cubic", (20,), nodes)


def rectified(rng):
    """A value times a Chebyshev polynomial of itself, added to the value, as in a ReLU."""
    sign = np.zeros(8)
    sign[1::2] = 1.2, -0.35, 0.15, -0.05
    nodes = (
        nn.Node("conv", _conv(rng, 4, 1, 3, stride=(2, 2), padding=(1, 1)), ("input",)),
        nn.Node("scale", nn.Polynomial([0.0, 0.5]), ("conv",)),
        nn.Node("sign", nn.Chebyshev(sign), ("scale",)),
        nn.Node("product", nn.Multiply(), ("scale", "sign")),
        nn.Node("relu", nn.Add(), ("scale", "product")),
        nn.Node("flatten", nn.Flatten(), ("relu",)),
        nn.Node("fc", _linear(rng, 3, 64), ("flatten",)),
    )
    return nn.Network("rectified", (1, 8, 8), nodes)


NETWORKS = [strided, per_channel, residual, cubic, rectified]
