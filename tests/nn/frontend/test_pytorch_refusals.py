"""from_torch refuses what it cannot convert, and says what and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional

from nn.errors import (
    ConversionError,
    InputRangeError,
    LayerParameterError,
    ShapeError,
    UnsupportedLayerError,
)
from nn.frontend.pytorch import from_torch


def example(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


class Function(torch_nn.Module):
    """A module that is one function."""

    def __init__(self, function: Callable[..., Any], **modules: torch_nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def sequential(*modules: torch_nn.Module) -> torch_nn.Sequential:
    return torch_nn.Sequential(torch_nn.Conv2d(3, 4, 3), *modules)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            sequential(torch_nn.Sequential(torch_nn.ReLU())),
            r"layer ReLU at '1.0', step 2 of 2 in Sequential, .*PolynomialActivation.*accepted are",
        ),
        (sequential(torch_nn.MaxPool2d(2)), "MaxPool2d at '1'.*use AvgPool2d"),
        (sequential(torch_nn.GroupNorm(2, 4)), "GroupNorm.*use BatchNorm2d"),
        (sequential(torch_nn.ConvTranspose2d(4, 4, 3)), "ConvTranspose2d.*no counterpart"),
        (
            torch_nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
            "layer Conv2d at .*padding_mode 'reflect'",
        ),
        (torch_nn.AvgPool2d(3, ceil_mode=True), "ceil_mode"),
        (torch_nn.AvgPool2d(3, divisor_override=2), "divisor_override"),
        (torch_nn.AvgPool2d(3, 1, 1, count_include_pad=False), "count_include_pad"),
        (torch_nn.AdaptiveAvgPool2d(3), "does not divide"),
        (torch_nn.BatchNorm2d(3, track_running_stats=False), "track_running_stats"),
        (torch_nn.Flatten(2), "start_dim=2"),
        (
            torch_nn.Linear(8, 2),
            "layer Linear at 'linear', step 1 of 1 in Linear, .*put a Flatten before it",
        ),
        (Function(lambda self, x: functional.relu(x)), "operation relu"),
        (Function(lambda self, x: x.tanh()), "operation tanh .'tanh'., step 1 of 1 in Function"),
        (Function(lambda self, x: x**0.5), "the power 0.5"),
        (Function(lambda self, x: 2**x), "is not supported"),
        (Function(lambda self, x: x * self.c(x), c=torch_nn.Conv2d(3, 3, 1)), "two different"),
        (Function(lambda self, x: x + torch.ones(8)), "is not supported"),
        (Function(lambda self, x: torch.add(x, x, alpha=2)), "alpha"),
        (Function(lambda self, x: x.reshape(2, 24, 8)), r"\(2, 3, 8, 8\) to \(2, 24, 8\)"),
        (Function(lambda self, x: x.view(-1)), r"\(2, 3, 8, 8\) to \(384,\)"),
        (Function(lambda self, x: x[:, :1]), "operation getitem"),
        (Function(lambda self, x: functional.avg_pool2d(x, 3, 1, 0, True)), "operation avg_pool2d"),
        (Function(lambda self, x: x.split(1, 1)[0]), "operation split"),
        (Function(lambda self, x: torch.cat([x, x])), "operation cat"),
        (Function(lambda self, x: self.c(input=x), c=torch_nn.Conv2d(3, 3, 1)), "one tensor"),
    ],
)
def test_from_torch__refuses(module: torch_nn.Module, message: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        from_torch(module, example(2, 3, 8, 8))


def test_from_torch__refuses_two_inputs() -> None:
    class TwoInputs(torch_nn.Module):
        def forward(self, x: Tensor, y: float = 2.0) -> Tensor:
            return x * y

    with pytest.raises(UnsupportedLayerError, match="a second input"):
        from_torch(TwoInputs(), example(2, 3))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda self, x: x if x.sum() > 0 else -x, "torch.fx cannot follow Function.forward"),
        (lambda self, x: (x, x), "returns tuple; one tensor is needed"),
        (lambda self, x: x @ x, r"Function fails on the example of shape \(2, 3\)"),
    ],
)
def test_from_torch__refuses_to_convert(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        from_torch(Function(function), example(2, 3))


def test_from_torch__notices_layers_that_lie() -> None:
    class Doubling(torch_nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    with pytest.raises(ConversionError, match=r"differs from the module.*override forward"):
        from_torch(Doubling(3, 2), example(2, 3))


def test_from_torch__notices_values_changed_in_place() -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        y = self.a(x)
        z = y * 1
        y.add_(z)
        return self.b(y)

    layers = {"a": torch_nn.Linear(3, 3), "b": torch_nn.Linear(3, 3)}
    with pytest.raises(ConversionError, match="differs from the module"):
        from_torch(Function(function, **layers), example(2, 3))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(3), ShapeError, r"shape \(3,\); a batch"),
        (torch.zeros(3, 8, 8), ShapeError, "a batch"),
        (torch.zeros(0, 3), ShapeError, "a batch"),
        (torch.full((1, 3), float("nan")), InputRangeError, "NaN"),
        (torch.zeros(1, 3), InputRangeError, "pass input_range"),
    ],
)
def test_from_torch__refuses_the_example(
    images: Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        from_torch(torch_nn.Linear(3, 2), images)


def test_from_torch__refuses_weights_that_are_not_finite() -> None:
    module = torch_nn.Linear(3, 2)
    module.weight.data[0, 0] = float("nan")
    with pytest.raises(LayerParameterError, match="Linear weight holds 1 NaN"):
        from_torch(module, example(2, 3))
