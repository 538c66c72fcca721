"""Activations that front ends recognise."""

from __future__ import annotations

from typing import Any

import pytest

from nn.frontend.activations import ONNX, TORCH, advice, recognised
from nn.network.nonlinear import FUNCTIONS


@pytest.mark.parametrize("table", [TORCH, ONNX])
def test_tables__name_functions_and_their_parameters(table: Any) -> None:
    for function, names in table.values():
        assert set(names.values()) <= set(FUNCTIONS[function].parameters)


@pytest.mark.parametrize(
    ("table", "operation", "given", "function", "parameters"),
    [
        (TORCH, "relu", {}, "relu", {}),
        (TORCH, "hardtanh", {"min_val": -1, "max_val": 1}, "clip", {"low": -1, "high": 1}),
        (TORCH, "leaky_relu", {"negative_slope": 0.2}, "leaky_relu", {"slope": 0.2}),
        (ONNX, "LeakyRelu", {"alpha": 0.2}, "leaky_relu", {"slope": 0.2}),
        (ONNX, "HardSigmoid", {}, "hard_sigmoid", {"slope": 0.2, "shift": 0.5}),
        (TORCH, "gelu_tanh", {}, "gelu_tanh", {}),
    ],
)
def test_recognised__has_the_parameters(
    table: Any, operation: str, given: dict[str, float], function: str, parameters: Any
) -> None:
    layer = recognised(table, operation, given)
    assert layer is not None
    assert (layer.function, dict(layer.parameters)) == (function, parameters)


def test_recognised__leaves_the_rest() -> None:
    assert recognised(TORCH, "convolution", {}) is None


def test_advice__names_the_way_out() -> None:
    assert "PolynomialActivation" in advice("relu")
