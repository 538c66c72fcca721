"""from_torch: real modules and every accepted layer."""

from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional

from nn.errors import InputRangeWarning, MissingPackageError
from nn.frontend.pytorch import PolynomialActivation, from_torch
from nn.network.activation import Polynomial
from nn.network.evaluation_error import FLOAT32_ROUNDOFF, rounding_bound
from nn.network.folding import fold_batch_norms
from nn.network.graph import Network
from nn.network.layers import AvgPool2d, Conv2d

pytestmark = pytest.mark.filterwarnings("ignore::nn.errors.InputRangeWarning")


def example(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def used(module: torch_nn.Module, images: Tensor) -> torch_nn.Module:
    """The module after one training step's worth of statistics, in training mode."""
    with torch.no_grad():
        module(images)
    return module


def assert_equal(module: torch_nn.Module, network: Network, images: Tensor) -> None:
    """The float32 module on other images than the example, within float32's rounding."""
    module.eval()
    with torch.no_grad():
        expected = module(images).numpy()
    allowed = rounding_bound(network, images.numpy(), FLOAT32_ROUNDOFF)
    assert (np.abs(network(images.numpy()) - expected) <= allowed).all()
    assert (np.abs(fold_batch_norms(network)(images.numpy()) - expected) <= allowed).all()


def kinds(network: Network) -> list[str]:
    return [type(node.layer).__name__ for node in network.nodes]


class Block(torch_nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch_nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = torch_nn.BatchNorm2d(outputs)
        self.act1 = PolynomialActivation(channels=outputs)
        self.conv2 = torch_nn.Conv2d(outputs, outputs, 3, padding="same", groups=2)
        self.norm2 = torch_nn.BatchNorm2d(outputs)
        self.shortcut: torch_nn.Module = torch_nn.Identity()
        if stride > 1:
            self.shortcut = torch_nn.Sequential(
                torch_nn.Conv2d(inputs, outputs, 1, stride), torch_nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.act1(self.norm1(self.conv1(x)))))
        y += self.shortcut(x)
        return 0.25 * y**2 + 0.5 * y


class SmallResNet(torch_nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = Block(4, 4, 1)
        self.block2 = Block(4, 8, 2)
        self.dropout = torch_nn.Dropout()
        self.fc = torch_nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.avg_pool2d(self.block2(self.block1(x)), 2)
        return self.fc(self.dropout(x).view(x.size(0), -1))


def test_from_torch__residual_network() -> None:
    torch.manual_seed(1)
    module = used(SmallResNet(), example(16, 4, 8, 8))
    network = from_torch(module, example(2, 4, 8, 8))
    assert network.name == "SmallResNet"
    assert module.training
    assert kinds(network).count("Add") == 2
    assert "BatchNorm" not in kinds(fold_batch_norms(network))
    names = [node.name for node in network.nodes]
    assert names[:5] == [
        "block1.conv1", "block1.norm1", "block1.act1", "block1.conv2", "block1.norm2",
    ]  # fmt: skip
    assert "block2.polynomial" in names
    assert names[-3:] == ["avg_pool2d", "flatten", "fc"]
    assert_equal(module, network, example(3, 4, 8, 8, seed=5))


def test_from_torch__sequential_network() -> None:
    torch.manual_seed(2)
    module = used(
        torch_nn.Sequential(
            torch_nn.Conv2d(1, 4, 5, 2, 2),
            torch_nn.BatchNorm2d(4, affine=False),
            PolynomialActivation(channels=4),
            torch_nn.AdaptiveAvgPool2d(7),
            torch_nn.Flatten(),
            torch_nn.Linear(196, 16, bias=False),
            torch_nn.BatchNorm1d(16),
            PolynomialActivation(3),
            torch_nn.Dropout(),
            torch_nn.Linear(16, 10),
        ),
        example(8, 1, 28, 28),
    )
    network = from_torch(module, example(2, 1, 28, 28).numpy(), "small", (-9.0, 9.0))
    assert (network.name, network.input_range, network.input_shape) == (
        "small",
        (-9.0, 9.0),
        (1, 28, 28),
    )
    assert [node.name for node in network.nodes] == [*"01234567", "9"]
    assert_equal(module, network, example(3, 1, 28, 28, seed=6))


def test_from_torch__input_range_is_the_examples() -> None:
    images = example(2, 3)
    with pytest.warns(InputRangeWarning, match=r"range of the example.*pass input_range="):
        network = from_torch(torch_nn.Linear(3, 2), images)
    assert network.input_range == (float(images.min()), float(images.max()))


# PyTorch's remark on the cost of its own copy.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(st.data())
def test_from_torch__convolutions(data: st.DataObject) -> None:
    groups = data.draw(st.sampled_from([1, 2]))
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    stride, dilation, kernel = data.draw(pair), data.draw(st.integers(1, 2)), data.draw(pair)
    padding = data.draw(st.sampled_from(["same", "valid", 0, 1, (2, 1)]))
    torch.manual_seed(data.draw(st.integers(0, 2**31)))
    with_bias = data.draw(st.booleans())
    module = torch_nn.Conv2d(
        2 * groups,
        3 * groups,
        kernel,
        1 if padding == "same" else stride,
        padding,
        dilation,
        groups,
        with_bias,
    )
    network = from_torch(module, example(2, 2 * groups, 9, 8))
    assert_equal(module, network, example(2, 2 * groups, 9, 8, seed=3))


class Function(torch_nn.Module):
    """A module that is one function."""

    def __init__(self, function: Callable[..., Any], **modules: torch_nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


@pytest.mark.parametrize(
    "function",
    [
        lambda self, x: torch.flatten(x, 1),
        lambda self, x: x.flatten(1),
        lambda self, x: x.flatten(start_dim=1),
        lambda self, x: x.view(x.size(0), -1),
        lambda self, x: x.view(x.shape[0], -1),
        lambda self, x: x.reshape(-1, 48),
        lambda self, x: torch.reshape(x, (x.shape[0], -1)),
        lambda self, x: x.view(x.size(0), x.shape[1] * x.size(2) * 4),
        lambda self, x: x.contiguous().view(x.size()[0], 48),
        lambda self, x: functional.dropout(x, training=False).flatten(1).flatten(1),
    ],
)
def test_from_torch__flattens(function: Callable[..., Any]) -> None:
    network = from_torch(Function(function), example(2, 3, 4, 4))
    assert kinds(network) == ["Flatten"]
    assert network.output_shape == (48,)


@pytest.mark.parametrize(
    ("function", "coefficients"),
    [
        (lambda self, x: x * x, [0, 0, 1]),
        (lambda self, x: x**2, [0, 0, 1]),
        (lambda self, x: torch.square(x), [0, 0, 1]),
        (lambda self, x: x.square(), [0, 0, 1]),
        (lambda self, x: torch.pow(x, 3), [0, 0, 0, 1]),
        (lambda self, x: x.pow(2), [0, 0, 1]),
        (lambda self, x: x.mul(x).add(x), [0, 1, 1]),
        (lambda self, x: 0.25 * x * x + 0.5 * x - 1, [-1, 0.5, 0.25]),
        (lambda self, x: 2 - x, [2, -1]),
        (lambda self, x: -x, [0, -1]),
        (lambda self, x: (x + 1) * (x - 1), [-1, 0, 1]),
        (lambda self, x: x - x * x, [0, 1, -1]),
        (lambda self, x: torch.sub(x, other=3), [-3, 1]),
        (lambda self, x: x + x, [0, 2]),
        (lambda self, x: (x**2) ** 2, [0, 0, 0, 0, 1]),
    ],
)
def test_from_torch__polynomials_become_one_node(
    function: Callable[..., Any], coefficients: list[float]
) -> None:
    network = from_torch(Function(function), example(2, 3))
    (node,) = network.nodes
    assert isinstance(node.layer, Polynomial)
    assert node.layer.coefficients.tolist() == coefficients


def test_from_torch__differences_and_scaled_sums_of_two_values() -> None:
    torch.manual_seed(3)
    layers = {"a": torch_nn.Linear(3, 2), "b": torch_nn.Linear(3, 2)}
    module = Function(lambda self, x: self.a(x) - 0.5 * self.b(x), **layers)
    network = from_torch(module, example(2, 3))
    assert kinds(network) == ["Linear", "Linear", "Polynomial", "Add"]
    assert_equal(module, network, example(4, 3, seed=4))


def test_from_torch__value_read_plainly_and_as_a_polynomial() -> None:
    torch.manual_seed(4)
    layers = {"a": torch_nn.Linear(3, 3), "b": torch_nn.Linear(3, 3)}

    def function(self: Any, x: Tensor) -> Tensor:
        y = self.a(x) ** 2
        return self.b(y) + y + y * y

    module = Function(function, **layers)
    assert_equal(module, from_torch(module, example(2, 3)), example(4, 3, seed=4))


def test_from_torch__module_called_twice_gets_two_names() -> None:
    module = Function(lambda self, x: self.a(self.a(x)), a=torch_nn.Linear(3, 3))
    network = from_torch(module, example(2, 3))
    assert [node.name for node in network.nodes] == ["a", "a_2"]
    assert_equal(module, network, example(2, 3, seed=1))


def test_from_torch__module_called_input_is_renamed() -> None:
    module = Function(lambda self, x: self.input(x), input=torch_nn.Linear(3, 3))
    assert [node.name for node in from_torch(module, example(2, 3)).nodes] == ["input_2"]


def test_from_torch__subclass_of_a_known_layer() -> None:
    class Named(torch_nn.Conv2d):
        pass

    network = from_torch(Named(1, 2, 3), example(1, 1, 4, 4))
    assert isinstance(network.nodes[0].layer, Conv2d)


@pytest.mark.parametrize(
    ("module", "kernel"),
    [
        (torch_nn.AdaptiveAvgPool2d(1), (6, 8)),
        (torch_nn.AdaptiveAvgPool2d((3, None)), (2, 1)),
        (torch_nn.AvgPool2d(2), (2, 2)),
        (torch_nn.AvgPool2d((3, 2), 1, (1, 0)), (3, 2)),
        (torch_nn.AvgPool2d(2, count_include_pad=False), (2, 2)),
        (Function(lambda self, x: functional.avg_pool2d(x, kernel_size=2, stride=1)), (2, 2)),
        (Function(lambda self, x: functional.avg_pool2d(x, (2, 3))), (2, 3)),
        (Function(lambda self, x: functional.adaptive_avg_pool2d(x, (1, 2))), (6, 4)),
    ],
)
def test_from_torch__pools(module: torch_nn.Module, kernel: tuple[int, int]) -> None:
    network = from_torch(module, example(2, 3, 6, 8))
    layer = network.nodes[0].layer
    assert isinstance(layer, AvgPool2d)
    assert layer.kernel == kernel
    assert_equal(module, network, example(2, 3, 6, 8, seed=1))


def test_from_torch__without_torch_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def no_torch(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "torch":
            raise ImportError("No module named 'torch'")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_torch)
    with pytest.raises(MissingPackageError, match=r"pip install 'he-accel\[torch\]'"):
        from_torch(object(), np.ones((1, 2)))  # type: ignore[arg-type]


def test_import__of_the_frontend_does_not_import_torch() -> None:
    code = "import sys, nn.frontend.pytorch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_module__has_no_other_lazy_names() -> None:
    import nn.frontend.pytorch as frontend

    with pytest.raises(AttributeError, match="no attribute 'ReLU'"):
        frontend.ReLU  # noqa: B018


class Branched(torch_nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch_nn.Sequential(torch_nn.Conv2d(1, 2, 3), torch_nn.BatchNorm2d(2))
        self.head = torch_nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.stem(x) + 1).mean((2, 3)))


@pytest.mark.filterwarnings("ignore")
def test_from_torch__exported_programs_keep_the_names_of_layers() -> None:
    module, images = Branched().eval(), example(2, 1, 5, 5)
    names = [node.name for node in from_torch(module, images).nodes]
    assert {"stem.0", "stem.1", "head"} <= set(names)
    program = torch.export.export(module, (images,))
    assert [node.name for node in from_torch(program, images).nodes] == names
