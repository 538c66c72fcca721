"""from_torch refuses what it cannot convert, and says what and where."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
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
from nn.frontend.pytorch import PolynomialActivation, from_torch
from nn.network.activation import Polynomial
from nn.network.evaluation_error import rounding_bound


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


class Shifting(torch_nn.Linear):
    """A linear layer that is not quite linear."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1e-9


class Scaled(torch_nn.BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + 1e-9)


def deep(layers: int = 28) -> torch_nn.Sequential:
    """Linear layers and polynomials of values near 1: a bound on rounding outgrows all values."""
    torch.manual_seed(7)
    blocks: list[torch_nn.Module] = []
    for _ in range(layers):
        norm = torch_nn.BatchNorm1d(16, momentum=None)
        blocks += [torch_nn.Linear(16, 16), norm, PolynomialActivation(initial=[0, 1, 0.1])]
    module = torch_nn.Sequential(*blocks, torch_nn.Linear(16, 3))
    with torch.no_grad():
        module(example(500, 16))
    return module


def spoilt(kind: str) -> tuple[torch_nn.Module, str]:
    """A deep module of which one part does something else, and the name of that part."""
    module = deep()
    if kind == "forward":
        shifting = Shifting(16, 16)
        shifting.load_state_dict(module[21].state_dict())
        module[21] = shifting
    elif kind == "batch norm":
        scaled = Scaled(16)
        scaled.load_state_dict(module[22].state_dict())
        module[22] = scaled
    elif kind == "hook":
        module[24].register_forward_hook(lambda layer, inputs, output: output + 1e-9)
    elif kind == "hook before":
        module[21].register_forward_pre_hook(lambda layer, inputs: (inputs[0] * (1 + 1e-9),))
    return module, {"batch norm": "22", "hook": "24"}.get(kind, "21")


@pytest.mark.parametrize("kind", ["forward", "batch norm", "hook", "hook before"])
def test_from_torch__names_the_part_that_lies_in_a_deep_module(kind: str) -> None:
    module, name = spoilt(kind)
    images = example(4, 16)
    converted = from_torch(deep(), images)
    # The bound on the whole network allows anything: only a comparison node by node can tell.
    values = np.abs(converted(images.numpy()))
    assert rounding_bound(converted, images.numpy()).min() > 10 * values.max()
    with pytest.raises(ConversionError, match=rf"node '{name}' .*differs from the module by"):
        from_torch(module, images)


def test_from_torch__checks_a_factor_with_the_sum_that_it_enters() -> None:
    """``a - 2 b`` becomes a Polynomial and an Add; the Polynomial is no value of the module."""

    class Sum(torch_nn.Module):
        def __init__(self, b: torch_nn.Module) -> None:
            super().__init__()
            self.a, self.b = torch_nn.Linear(3, 2), b

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x) - 2 * self.b(x)

    from_torch(Sum(torch_nn.Linear(3, 2)), example(2, 3))
    with pytest.raises(ConversionError, match="node 'b' "):
        from_torch(Sum(Shifting(3, 2)), example(2, 3))


def test_from_torch__polynomials_whose_terms_cancel_are_no_lies() -> None:
    """Torch's own order of the operations may lose more digits than the polynomial would."""
    module = Function(lambda self, x: 3.1e9 * x + x * x - x * 3.1e9 - (x - 1e4) * (x + 1e4))
    (node,) = from_torch(module, example(2, 3)).nodes
    assert isinstance(node.layer, Polynomial)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch_nn.LazyLinear(2), "layer LazyLinear never ran"),
        (sequential(torch_nn.LazyConv2d(2, 3)), "layer LazyConv2d at '1' never ran.*run the mod"),
        (sequential(torch_nn.LazyBatchNorm2d()), "layer LazyBatchNorm2d at '1' never ran"),
        (sequential(torch_nn.LazyBatchNorm2d(affine=False)), "layer LazyBatchNorm2d at '1' never"),
        (torch_nn.Conv2d(3, 4, 3, device="meta"), "layer Conv2d is on the device 'meta'"),
    ],
)
def test_from_torch__refuses_weights_that_do_not_exist(
    module: torch_nn.Module, message: str
) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        from_torch(module, example(2, 3, 8, 8))


def test_from_torch__a_lazy_layer_that_ran_has_the_callers_weights() -> None:
    module = torch_nn.Sequential(torch_nn.Flatten(), torch_nn.LazyLinear(2))
    module(example(2, 3, 4, 4))
    network = from_torch(module, example(2, 3, 4, 4))
    assert np.array_equal(network.nodes[1].layer.weight, module[1].weight.detach().numpy())


def twice(self: Any, x: Tensor) -> Tensor:
    return 2 * self.a(x)


@pytest.mark.parametrize("change", ["hook", "forward"])
def test_from_torch__sees_a_hook_and_a_forward_of_the_outermost_module(change: str) -> None:
    images = example(2, 3)
    module = Function(lambda self, x: self.a(x), a=torch_nn.Linear(3, 2))
    if change == "hook":
        module.register_forward_hook(lambda layer, inputs, output: 2 * output)
    else:
        module.forward = types.MethodType(twice, module)
    network = from_torch(module, images)
    with torch.no_grad():
        expected = module.double()(images.double()).numpy()
    assert np.allclose(network(images), expected, rtol=1e-12)


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
