"""PyTorch models of all kinds, each with the shape of one input, for the grid of conversions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from nn.frontend.pytorch import PolynomialActivation

Shape = tuple[int, ...]
IMAGE: Shape = (3, 8, 8)
SIGNAL: Shape = (2, 12)
VECTOR: Shape = (6,)
SEQUENCE: Shape = (5, 6)


class Function(torch_nn.Module):
    """A module that is one function of itself and the input."""

    def __init__(self, function: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        for name, module in modules.items():
            if isinstance(module, torch_nn.Module):
                self.add_module(name, module)
            elif isinstance(module, torch_nn.Parameter):
                self.register_parameter(name, module)
            else:
                self.register_buffer(name, module)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def function(body: Callable[..., Any], **modules: Any) -> torch_nn.Module:
    return Function(body, **modules)


def tensor(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def waves(*shape: int) -> Tensor:
    """Constants of a model, without a random number."""
    return torch.arange(float(torch.Size(shape).numel())).sin().reshape(shape)


def parameter(*shape: int) -> torch_nn.Parameter:
    return torch_nn.Parameter(tensor(*shape))


def normed(module: torch_nn.Module, *shape: int) -> torch_nn.Module:
    """The module with running statistics other than 0 and 1."""
    with torch.no_grad():
        module.train()(tensor(16, *shape))
    return module


def _layers() -> dict[str, tuple[torch_nn.Module, Shape]]:
    n = torch_nn
    image = {
        "conv": n.Conv2d(3, 4, 3),
        "conv_stride": n.Conv2d(3, 4, 3, 2, 1),
        "conv_tall": n.Conv2d(3, 4, (3, 1), (2, 1), (1, 0)),
        "conv_groups": n.Conv2d(3, 6, 3, groups=3),
        "conv_dilated": n.Conv2d(3, 4, 3, padding=2, dilation=2),
        "conv_same": n.Conv2d(3, 4, 3, padding="same"),
        "conv_same_even": n.Conv2d(3, 4, 4, padding="same"),
        "conv_valid": n.Conv2d(3, 4, 3, padding="valid"),
        "conv_no_bias": n.Conv2d(3, 4, 1, bias=False),
        "conv_reflect": n.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        "conv_circular": n.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
        "conv_replicate": n.Conv2d(3, 4, 3, padding=(2, 1), padding_mode="replicate"),
        "transposed": n.ConvTranspose2d(3, 4, 3),
        "transposed_stride": n.ConvTranspose2d(3, 4, 3, 2, 1, 1),
        "transposed_groups": n.ConvTranspose2d(3, 6, 2, 2, groups=3),
        "transposed_dilated": n.ConvTranspose2d(3, 2, 3, padding=1, dilation=2),
        "transposed_cropped": n.ConvTranspose2d(3, 2, 1, 1, 2),
        "avg_pool": n.AvgPool2d(2),
        "avg_pool_stride": n.AvgPool2d(3, 2),
        "avg_pool_padding": n.AvgPool2d(3, 1, 1),
        "avg_pool_ceil": n.AvgPool2d(3, 2, ceil_mode=True),
        "avg_pool_ceil_padding": n.AvgPool2d(3, 2, 1, ceil_mode=True),
        "avg_pool_uncounted": n.AvgPool2d(3, 1, 1, count_include_pad=False),
        "avg_pool_divisor": n.AvgPool2d(3, divisor_override=2),
        "avg_pool_ceil_uncounted": n.AvgPool2d(3, 2, 1, True, False),
        "adaptive_one": n.AdaptiveAvgPool2d(1),
        "adaptive_even": n.AdaptiveAvgPool2d((4, None)),
        "adaptive_uneven": n.AdaptiveAvgPool2d(3),
        "adaptive_larger": n.AdaptiveAvgPool2d(10),
        "batch_norm": normed(n.BatchNorm2d(3), *IMAGE),
        "batch_norm_plain": normed(n.BatchNorm2d(3, affine=False), *IMAGE),
        "batch_norm_sync": normed(n.BatchNorm2d(3, eps=0.1), *IMAGE),
        "instance_norm_tracked": normed(n.InstanceNorm2d(3, track_running_stats=True), *IMAGE),
        "zero_pad": n.ZeroPad2d((1, 2, 0, 3)),
        "constant_pad": n.ConstantPad2d((1, 0, 2, 1), 0.7),
        "reflection_pad": n.ReflectionPad2d((1, 2, 3, 0)),
        "replication_pad": n.ReplicationPad2d(2),
        "circular_pad": n.CircularPad2d((1, 2, 0, 1)),
        "negative_pad": n.ZeroPad2d((-1, 0, -2, 1)),
        "flatten": n.Flatten(),
        "flatten_2": n.Flatten(2),
        "flatten_1_2": n.Flatten(1, 2),
        "unflatten": n.Sequential(n.Flatten(), n.Unflatten(1, (6, 32))),
        "linear_on_rows": n.Linear(8, 2),
        "identity": n.Identity(),
        "dropout": n.Dropout(),
        "dropout2d": n.Dropout2d(),
        "alpha_dropout": n.AlphaDropout(),
        "pixel_shuffle": n.Sequential(n.Conv2d(3, 8, 1), n.PixelShuffle(2)),
        "pixel_unshuffle": n.PixelUnshuffle(2),
        "channel_shuffle": n.ChannelShuffle(3),
        "upsample_nearest": n.Upsample(scale_factor=2),
        "upsample_bilinear": n.Upsample(scale_factor=2, mode="bilinear"),
        "upsample_bilinear_aligned": n.Upsample((5, 9), mode="bilinear", align_corners=True),
        "upsample_bicubic": n.Upsample(scale_factor=2, mode="bicubic"),
        "unfold": n.Unfold(3, padding=1),
        "fold": n.Sequential(n.Unfold(2, stride=2), n.Fold((8, 8), 2, stride=2)),
        "polynomial": PolynomialActivation(3),
        "polynomial_channels": PolynomialActivation(channels=3),
        "empty": n.Sequential(),
        "nested": n.Sequential(n.Sequential(n.Conv2d(3, 2, 1)), n.Sequential(n.Flatten())),
        "bilinear_resize": function(
            lambda self, x: functional.interpolate(x, size=(4, 4), mode="area")
        ),
    }
    signal = {
        "conv1d": n.Conv1d(2, 3, 3),
        "conv1d_stride": n.Conv1d(2, 3, 5, 2, 2),
        "conv1d_dilated": n.Conv1d(2, 4, 3, dilation=3, groups=2),
        "conv1d_circular": n.Conv1d(2, 3, 3, padding=1, padding_mode="circular"),
        "conv1d_causal": n.Sequential(n.ConstantPad1d((2, 0), 0.0), n.Conv1d(2, 3, 3)),
        "transposed1d": n.ConvTranspose1d(2, 3, 4, 2, 1),
        "avg_pool1d": n.AvgPool1d(3),
        "avg_pool1d_padding": n.AvgPool1d(4, 2, 1),
        "adaptive1d": n.AdaptiveAvgPool1d(4),
        "adaptive1d_uneven": n.AdaptiveAvgPool1d(5),
        "batch_norm1d_signal": normed(n.BatchNorm1d(2), *SIGNAL),
        "reflection_pad1d": n.ReflectionPad1d(2),
        "upsample_linear": n.Upsample(scale_factor=3, mode="linear"),
        "signal_network": n.Sequential(
            n.Conv1d(2, 4, 3, padding=1), PolynomialActivation(), n.AvgPool1d(2), n.Flatten(),
            n.Linear(24, 3),
        ),
    }  # fmt: skip
    vector = {
        "linear": n.Linear(6, 2),
        "linear_no_bias": n.Linear(6, 2, bias=False),
        "batch_norm1d": normed(n.BatchNorm1d(6), *VECTOR),
        "tabular": n.Sequential(n.Linear(6, 8), PolynomialActivation(channels=8), n.Linear(8, 2)),
        "double_module": n.Linear(6, 2).double(),
        "half_module": n.Linear(6, 2).half(),
        "bfloat16_module": n.Sequential(n.Linear(6, 4), n.Linear(4, 2)).bfloat16(),
        "module_list": function(
            lambda self, x: self.parts[1](self.parts[0](x)),
            parts=n.ModuleList([n.Linear(6, 3), n.Linear(3, 2)]),
        ),
        "weight_norm": parametrizations.weight_norm(n.Linear(6, 2)),
        "spectral_norm": parametrizations.spectral_norm(n.Linear(6, 2)),
        "orthogonal": parametrizations.orthogonal(n.Linear(6, 6)),
        "pruned": prune.l1_unstructured(n.Linear(6, 2), "weight", 0.5),
        "pruned_for_good": prune.remove(prune.random_unstructured(n.Linear(6, 2), "weight", 3), "weight"),  # noqa: E501
        "frozen": n.Linear(6, 2).requires_grad_(False),
        "twice": function(lambda self, x: self.a(self.a(x)), a=n.Linear(6, 6)),
        "unused_layer": function(lambda self, x: self.a(x), a=n.Linear(6, 2), b=n.Linear(6, 3)),
        "unused_value": function(lambda self, x: (self.b(x), self.a(x))[1], a=n.Linear(6, 2), b=n.Linear(6, 3)),  # noqa: E501
        "dead_relu": function(lambda self, x: (functional.relu(x), self.a(x))[1], a=n.Linear(6, 2)),
    }
    volume = {
        "conv3d": n.Conv3d(1, 2, 2),
        "avg_pool3d": n.AvgPool3d(2),
        "conv_transpose3d": n.ConvTranspose3d(1, 2, 2, 2),
    }
    sequence = {
        "linear_on_sequence": n.Linear(6, 2),
        "sequence_to_channels": function(
            lambda self, x: self.c(x.transpose(1, 2)), c=n.Conv1d(6, 2, 3)
        ),
        "mean_of_sequence": function(lambda self, x: self.a(x).mean(1), a=n.Linear(6, 2)),
    }
    found: dict[str, tuple[torch_nn.Module, Shape]] = {}
    for group, shape in (
        (image, IMAGE), (signal, SIGNAL), (vector, VECTOR), (volume, (1, 4, 4, 4)),
        (sequence, SEQUENCE),
    ):  # fmt: skip
        found |= {name: (module, shape) for name, module in group.items()}
    return found


IMAGE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mean_of_pixels": lambda self, x: x.mean([2, 3]),
    "mean_kept": lambda self, x: x.mean((-1, -2), keepdim=True),
    "mean_of_rows": lambda self, x: x.mean(2),
    "mean_of_channels": lambda self, x: x.mean(1),
    "sum_of_pixels": lambda self, x: x.sum(dim=(2, 3)),
    "centred": lambda self, x: x - x.mean((2, 3), keepdim=True),
    "halved": lambda self, x: x / 2,
    "normalised": lambda self, x: (x - 0.45) / 0.22,
    "normalised_channels": lambda self, x: (
        (x - torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).to(x))
        / torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1).to(x)
    ),
    "by_a_mask": lambda self, x: x * (torch.arange(8) < 5).to(x),
    "plus_an_image": lambda self, x: x + torch.linspace(0, 1, 64).view(8, 8).to(x),
    "ones_minus": lambda self, x: 1 - x,
    "reversed_subtraction": lambda self, x: torch.rsub(x, 1, alpha=2),
    "alpha": lambda self, x: torch.add(x, x.flip(3), alpha=2),
    "first_channel": lambda self, x: x[:, :1],
    "one_channel": lambda self, x: x[:, 0],
    "strided": lambda self, x: x[:, :, ::2, 1::3],
    "ellipsis": lambda self, x: x[..., 2:-1],
    "narrow": lambda self, x: x.narrow(2, 1, 4),
    "index_list": lambda self, x: x[:, [2, 0]],
    "index_mask": lambda self, x: x[:, :, torch.tensor([True, False] * 4)],
    "index_select": lambda self, x: x.index_select(1, torch.tensor([1, 1])),
    "gather": lambda self, x: x.gather(1, torch.zeros(len(x), 1, 8, 8, dtype=torch.long)),
    "permute": lambda self, x: x.permute(0, 2, 3, 1),
    "transpose": lambda self, x: x.transpose(1, 3),
    "mT": lambda self, x: x.mT,
    "flip": lambda self, x: x.flip(-1),
    "roll": lambda self, x: x.roll(2, 3),
    "rot90": lambda self, x: torch.rot90(x, 1, (2, 3)),
    "repeat": lambda self, x: x.repeat(1, 2, 1, 1),
    "repeat_interleave": lambda self, x: x.repeat_interleave(2, dim=2),
    "expand": lambda self, x: x[:, :1].expand(-1, 3, -1, -1),
    "tril": lambda self, x: x.tril(),
    "cat_of_one": lambda self, x: torch.cat([x, x], 1),
    "cat_of_parts": lambda self, x: torch.cat((x[:, :, :4] * 2, x[:, :, 4:] + 1), dim=2),
    "cat_with_constant": lambda self, x: torch.cat([x, torch.ones(len(x), 1, 8, 8).to(x)], 1),
    "stack": lambda self, x: torch.stack([x, -x], 2),
    "split": lambda self, x: x.split(1, 1)[2],
    "chunk": lambda self, x: torch.chunk(x, 2, 3)[1],
    "unbind": lambda self, x: x.unbind(1)[1],
    "pad_constant": lambda self, x: functional.pad(x, (1, 2), value=3.0),
    "pad_reflect": lambda self, x: functional.pad(x, (1, 0, 2, 1), mode="reflect"),
    "pad_circular": lambda self, x: functional.pad(x, (1, 2, 3, 0), mode="circular"),
    "pad_replicate": lambda self, x: functional.pad(x, (0, 1, 2, 3), mode="replicate"),
    "size_as_argument": lambda self, x: functional.avg_pool2d(x, x.size(3)),
    "shape_in_division": lambda self, x: x.sum((2, 3)) / (x.shape[2] * x.shape[3]),
    "option_a": lambda self, x: functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 1)),
    "view": lambda self, x: x.view(x.size(0), -1),
    "view_blocks": lambda self, x: x.view(-1, 3, 4, 2, 8).sum(3),
    "flatten_keywords": lambda self, x: torch.flatten(input=x, start_dim=1),
    "squeeze": lambda self, x: x[:, :1].squeeze(),
    "unsqueeze": lambda self, x: x.unsqueeze(2),
    "moveaxis": lambda self, x: torch.moveaxis(x, 1, -1),
    "batch_to_the_back_and_front": lambda self, x: x.permute(1, 2, 3, 0).permute(3, 0, 1, 2),
    "einsum_channels": lambda self, x: torch.einsum("bchw,oc->bohw", x, waves(4, 3).to(x)),
    "einsum_pixels": lambda self, x: torch.einsum("bchw,hwk->bck", x, waves(8, 8, 2).to(x)),
    "einsum_sum": lambda self, x: torch.einsum("bchw->bc", x),
    "matmul": lambda self, x: x @ waves(8, 3).to(x),
    "matmul_left": lambda self, x: waves(4, 8).to(x) @ x,
    "matmul_stacked": lambda self, x: torch.matmul(x, waves(3, 8, 2).to(x)),
    "matmul_vector": lambda self, x: x @ waves(8).to(x),
    "tensordot": lambda self, x: torch.tensordot(x, waves(8, 5).to(x), dims=1),
    "functional_linear": lambda self, x: functional.linear(x.flatten(1), waves(2, 192).to(x)),
    "functional_conv": lambda self, x: functional.conv2d(x, waves(2, 3, 3, 3).to(x), padding=1),
    "functional_bilinear": lambda self, x: functional.interpolate(
        x, scale_factor=0.5, mode="bilinear"
    ),
    "cumsum": lambda self, x: x.cumsum(3),
    "diff": lambda self, x: x.diff(dim=2),
    "trapezoid": lambda self, x: torch.trapezoid(x, dim=3),
    "unfold_method": lambda self, x: x.unfold(2, 3, 2),
    "square": lambda self, x: x * x,
    "cube_and_more": lambda self, x: 0.1 * x**3 - x.square() + 0.5,
    "polynomial_of_a_slice": lambda self, x: (x[:, 1:] ** 2).flatten(1),
    "channel_polynomial": lambda self, x: x**2 * torch.tensor([1.0, 2, 3]).view(3, 1, 1).to(x) + x,
    "pixel_polynomial": lambda self, x: x**2 * torch.linspace(0, 1, 8).to(x),
    "product_of_two": lambda self, x: x * x.flip(2),
    "attention_by_pool": lambda self, x: x * x.mean((2, 3), keepdim=True),
    "gram_matrix": lambda self, x: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2)),
    "where": lambda self, x: torch.where(torch.arange(8) < 3, x, 2 * x),
    "masked_fill": lambda self, x: x.masked_fill(torch.eye(8, dtype=torch.bool), 0.5),
    "lerp": lambda self, x: torch.lerp(x, x.flip(3), 0.25),
    "addcmul": lambda self, x: torch.addcmul(x, x, x, value=0.5),
    "in_place": lambda self, x: x.clone().mul_(2).add_(1),
    "assignment": lambda self, x: _assigned(x),
    "copy_into_zeros": lambda self, x: _copied(x),
    "loop": lambda self, x: sum(x[:, k] * k for k in range(3)),
    "keyword_pool": lambda self, x: functional.avg_pool2d(x, kernel_size=2, stride=1, padding=1),
    "float_and_back": lambda self, x: x.float().to(x.dtype) * 2,
    "no_change": lambda self, x: x,
    "batch_of_one": lambda self, x: torch.cat([part[None] * 2 for part in x]),
    "two_outputs": lambda self, x: (x.mean((2, 3)), x[:, 0]),
    "outputs_by_name": lambda self, x: {"a": x.sum((1, 2, 3)), "b": x.flatten(1)},
    "softmax_at_the_end": lambda self, x: functional.softmax(x.mean((2, 3)), dim=1),
    "softmax_of_pixels": lambda self, x: x.softmax(1),
    "log_softmax": lambda self, x: functional.log_softmax(x.mean((2, 3)), -1),
    "sigmoid_at_the_end": lambda self, x: torch.sigmoid(x.mean((2, 3))),
    "two_finishes": lambda self, x: (x.mean((2, 3)).softmax(-1), x.mean(3).sigmoid()),
    "relu": lambda self, x: functional.relu(x),
    "relu_method": lambda self, x: x.relu(),
    "relu_in_place": lambda self, x: functional.relu_(x.clone()),
    "leaky_relu": lambda self, x: functional.leaky_relu(x, 0.2),
    "gelu": lambda self, x: functional.gelu(x),
    "gelu_tanh": lambda self, x: functional.gelu(x, approximate="tanh"),
    "clamp": lambda self, x: x.clamp(-0.5, 0.5),
    "clamp_min": lambda self, x: x.clamp(min=0.3),
    "maximum": lambda self, x: torch.maximum(x, x.flip(2)),
    "minimum": lambda self, x: torch.minimum(x, -x.flip(2)),
    "maximum_with_constant": lambda self, x: torch.maximum(x, torch.tensor(0.1).to(x)),
    "max_pool": lambda self, x: functional.max_pool2d(x, 2),
    "amax": lambda self, x: x.amax((2, 3)),
    "tanh": lambda self, x: x.tanh(),
    "glu": lambda self, x: functional.glu(x, 3),
    "swiglu": lambda self, x: functional.silu(x[:, :1]) * x[:, 1:2],
    "sigmoid_gate": lambda self, x: x * x.mean((2, 3), keepdim=True).sigmoid(),
}  # fmt: skip


def _assigned(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 0] = 1.5
    y[:, 1:, ::2] *= 2
    y[:, 2] += y[:, 1]
    return y


def _copied(x: Tensor) -> Tensor:
    y = torch.zeros(len(x), 3, 10, 10).to(x)
    y[:, :, 1:9, 1:9] = x
    return y


ACTIVATIONS: dict[str, torch_nn.Module] = {
    type(layer).__name__ + ("" if plain else "_2"): layer
    for layer, plain in [
        (torch_nn.ReLU(), True), (torch_nn.ReLU(inplace=True), False), (torch_nn.ReLU6(), True),
        (torch_nn.LeakyReLU(), True), (torch_nn.PReLU(), True), (torch_nn.PReLU(3), False),
        (torch_nn.ELU(0.5), True), (torch_nn.CELU(0.7), True), (torch_nn.SELU(), True),
        (torch_nn.SiLU(), True), (torch_nn.GELU(), True), (torch_nn.Tanh(), True),
        (torch_nn.Softplus(2.0), True), (torch_nn.Mish(), True), (torch_nn.Hardswish(), True),
        (torch_nn.Hardsigmoid(), True), (torch_nn.Hardtanh(), True), (torch_nn.LogSigmoid(), True),
        (torch_nn.Tanhshrink(), True), (torch_nn.Threshold(0, 0), True),
        (torch_nn.MaxPool2d(2), True), (torch_nn.MaxPool2d(3, 2, 1, ceil_mode=True), False),
        (torch_nn.AdaptiveMaxPool2d(2), True), (torch_nn.GLU(3), True),
    ]
}  # fmt: skip


def _wrapped() -> dict[str, Callable[[], Any]]:
    def plain() -> torch_nn.Module:
        torch.manual_seed(11)
        return torch_nn.Sequential(
            torch_nn.Conv2d(3, 4, 3), normed(torch_nn.BatchNorm2d(4), 4, 6, 6),
            PolynomialActivation(), torch_nn.Flatten(), torch_nn.Linear(144, 3),
        ).eval()  # fmt: skip

    example = tensor(2, *IMAGE)
    return {
        "scripted": lambda: torch.jit.script(plain()),
        "traced": lambda: torch.jit.trace(plain(), example),
        "exported": lambda: torch.export.export(plain(), (example,)),
        "exported_module": lambda: torch.export.export(plain(), (example,)).module(),
        "compiled": lambda: torch.compile(plain()),
        "data_parallel": lambda: torch_nn.DataParallel(plain()),
        "fx_module": lambda: torch.fx.symbolic_trace(plain()[:2]),
        "training_mode": lambda: plain().train(),
        "compiled_in_parallel": lambda: torch_nn.DataParallel(torch.compile(plain())),
    }


WRAPPED = _wrapped()
LAYERS = _layers()


def case(name: str) -> tuple[Any, Shape]:
    """The model of a case, and the shape of one input."""
    if name in LAYERS:
        return LAYERS[name]
    if name in IMAGE_FUNCTIONS:
        return function(IMAGE_FUNCTIONS[name]), IMAGE
    if name in ACTIVATIONS:
        return torch_nn.Sequential(ACTIVATIONS[name]), IMAGE
    return WRAPPED[name](), IMAGE


CONVERTED = [*LAYERS, *IMAGE_FUNCTIONS, *ACTIVATIONS, *WRAPPED]
