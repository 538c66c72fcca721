"""Functions and maxima that are no polynomials, against PyTorch's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from nn.errors import LayerParameterError, ShapeError
from nn.network.nonlinear import FUNCTIONS, MaxPool2d, ScalarFunction

Pair = tuple[int, int]

TWINS = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "clip": functional.relu6,
    "elu": functional.elu,
    "celu": functional.celu,
    "selu": functional.selu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "mish": functional.mish,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_swish": functional.hardswish,
    "abs": torch.abs,
    "exp": torch.exp,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "atan": torch.atan,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__are_those_of_torch(name: str) -> None:
    x = torch.linspace(-9, 9, 1000, dtype=torch.float64).reshape(5, 2, 10, 10)
    expected = TWINS[name](x).numpy()
    # PyTorch's softplus is the identity beyond 20.
    assert np.allclose(ScalarFunction(name).forward(x.numpy()), expected, rtol=1e-12, atol=1e-12)


def test_functions__take_parameters() -> None:
    x = torch.linspace(-9, 9, 100, dtype=torch.float64)[None]
    found = ScalarFunction("leaky_relu", {"slope": 0.3}).forward(x.numpy())
    assert np.array_equal(found, functional.leaky_relu(x, 0.3).numpy())
    kept = pickle.loads(pickle.dumps(ScalarFunction("clip", {"low": -1, "high": 1})))
    assert (kept.function, dict(kept.parameters)) == ("clip", {"low": -1.0, "high": 1.0})


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("swoosh", {}, "no function 'swoosh'"),
        ("relu", {"slope": 1.0}, r"relu has no parameters \['slope'\]"),
        ("elu", {"alpha": float("nan")}, "elu: alpha is nan"),
    ],
)
def test_functions__refuse(name: str, parameters: dict[str, float], message: str) -> None:
    with pytest.raises(LayerParameterError, match=message):
        ScalarFunction(name, parameters)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((2, 2), (2, 2), (0, 0), (1, 1)),
        ((3, 2), (1, 2), (1, 1), (1, 1)),
        ((2, 3), (2, 2), (1, 1), (2, 1)),
    ],
)
def test_max_pool__is_that_of_torch(
    kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    expected = functional.max_pool2d(x, kernel, stride, padding, dilation).numpy()
    layer = MaxPool2d(kernel, stride, padding, padding, dilation)
    assert np.array_equal(layer.forward(x.numpy()), expected)
    assert layer.output_shape((3, 9, 8)) == expected.shape[1:]


def test_max_pool__refuses() -> None:
    with pytest.raises(LayerParameterError, match="less than a window"):
        MaxPool2d((2, 2), (2, 2), before=(2, 0))
    with pytest.raises(ShapeError, match="does not fit"):
        MaxPool2d((5, 5), (1, 1)).output_shape((1, 4, 4))
    with pytest.raises(ShapeError, match=r"needs an input \(C, H, W\)"):
        MaxPool2d((2, 2), (1, 1)).output_shape((4,))
