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
    ShapeError,
    UnsupportedLayerError,
)
from nn.frontend.conversion_check import Traced, check_conversion
from nn.frontend.pytorch import PolynomialActivation, from_torch
from nn.network.activation import Polynomial
from nn.network.evaluation_error import rounding_bound
from nn.network.layers import Linear
from nn.network.nonlinear import ScalarFunction

pytestmark = pytest.mark.filterwarnings("ignore::nn.errors.InputRangeWarning")


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


def test_from_torch__names_the_layer_its_place_and_the_way_out() -> None:
    module = sequential(torch_nn.Sequential(torch_nn.LayerNorm(6)))
    with pytest.raises(UnsupportedLayerError, match=r"layer LayerNorm at '1.0', step 2 of") as info:
        from_torch(module, example(2, 3, 8, 8))
    assert "use BatchNorm" in str(info.value)


def test_from_torch__lists_all_that_it_cannot_convert() -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        y = torch.sqrt(self.a(x)) + x.sort(1)[0]
        return self.b(y / y) + functional.layer_norm(y, (8,))

    layers = {"a": torch_nn.LayerNorm(8), "b": torch_nn.LayerNorm(8)}
    with pytest.raises(UnsupportedLayerError) as info:
        from_torch(Function(function, **layers), example(2, 3, 8, 8))
    lines = str(info.value).split("\n- ")
    assert lines[0] == "6 operations of Function cannot be converted:"
    names = ["LayerNorm at 'a'", "sqrt", "sort", "div", "LayerNorm at 'b'", "native_layer_norm"]
    assert all(name in line for name, line in zip(names, lines[1:], strict=True))


@pytest.mark.parametrize(
    "module",
    [
        torch_nn.LayerNorm(8),
        Function(lambda self, x: functional.layer_norm(x, (8,))),
        Function(lambda self, x: torch.layer_norm(x, (8,))),
    ],
)
def test_from_torch__gives_every_form_the_same_hint(module: torch_nn.Module) -> None:
    with pytest.raises(UnsupportedLayerError, match="use BatchNorm, whose statistics are fixed"):
        from_torch(module, example(2, 3, 8, 8))


@pytest.mark.parametrize(
    "module",
    [
        torch_nn.ReLU(),
        torch_nn.ReLU(inplace=True),
        Function(lambda self, x: functional.relu(x)),
        Function(lambda self, x: x.relu()),
        Function(lambda self, x: torch.relu(x)),
        Function(lambda self, x: x.clamp(min=0)),
    ],
)
def test_from_torch__every_relu_is_the_same_layer(module: torch_nn.Module) -> None:
    (node,) = from_torch(module, example(2, 3)).nodes
    assert isinstance(node.layer, ScalarFunction)
    assert node.layer.function == "relu"


def test_from_torch__a_second_input_with_a_default_keeps_it() -> None:
    class TwoInputs(torch_nn.Module):
        def forward(self, x: Tensor, y: float = 2.0) -> Tensor:
            return x * y

    (node,) = from_torch(TwoInputs(), example(2, 3)).nodes
    assert isinstance(node.layer, Polynomial)
    with pytest.raises(UnsupportedLayerError, match="a tuple of 2 tensors"):
        from_torch(TwoInputs(), (example(2, 3), example(2, 3)))


def test_from_torch__follows_layers_that_do_something_else() -> None:
    class Doubling(torch_nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    module = Doubling(3, 2)
    network = from_torch(module, example(2, 3))
    images = example(4, 3).double()
    with torch.no_grad():
        expected = module.double()(images).numpy()
    assert np.allclose(network(images.numpy()), expected, rtol=1e-12)


def test_from_torch__follows_values_changed_in_place() -> None:
    def function(self: Any, x: Tensor) -> Tensor:
        y = self.a(x)
        z = y * 1
        y.add_(z)
        return self.b(y)

    module = Function(function, a=torch_nn.Linear(3, 3), b=torch_nn.Linear(3, 3))
    images = example(4, 3).double()
    network = from_torch(module, images)
    with torch.no_grad():
        expected = module.double()(images).numpy()
    assert np.allclose(network(images.numpy()), expected, rtol=1e-12)


def test_from_torch__notices_answers_that_depend_on_the_batch() -> None:
    module = Function(lambda self, x: x * len(x))
    from_torch(module, example(2, 3))
    with pytest.raises(ConversionError, match="differs from the model"):
        from_torch(module, example(5, 3))


def test_from_torch__notices_models_that_change() -> None:
    class Counting(torch_nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * self.calls

    with pytest.raises(ConversionError, match="differs from the model"):
        from_torch(Counting(), example(5, 3))


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
def test_from_torch__follows_what_parts_of_a_deep_module_do(kind: str) -> None:
    module, images = spoilt(kind)[0], example(4, 16).double()
    network = from_torch(module, images)
    with torch.no_grad():
        expected = module.double().eval()(images).numpy()
        plain = deep().double().eval()(images).numpy()
    assert np.allclose(network(images.numpy()), expected, rtol=0, atol=1e-11)
    assert not np.allclose(plain, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ["21", "22", "24"])
def test_check__names_the_node_that_differs_in_a_deep_network(name: str) -> None:
    images = example(4, 16).double()
    network = from_torch(deep(), images)
    # The bound on the whole network allows anything: only a comparison node by node can tell.
    values = network.values(images.numpy())
    output = values[network.output.name]
    assert rounding_bound(network, images.numpy()).min() > 10 * np.abs(output).max()
    check_conversion(network, Traced(values, output, {}, 2.0**-53))
    values[name] = values[name] + 1e-9
    with pytest.raises(ConversionError, match=rf"node '{name}' .*differs from the model by"):
        check_conversion(network, Traced(values, output, {}, 2.0**-53))


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
    layer = network.nodes[1].layer
    assert isinstance(layer, Linear)
    assert np.array_equal(layer.weight, module[1].weight.detach().numpy())


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
    with pytest.raises(UnsupportedLayerError, match=r"at 'linear'.*Linear weight holds 1 NaN"):
        from_torch(module, example(2, 3))
