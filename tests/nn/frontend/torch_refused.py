"""PyTorch models that no network computes, each with words of the message that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional

from tests.nn.frontend.torch_cases import IMAGE, SEQUENCE, VECTOR, Function, Shape, function, waves


class TwoInputs(torch_nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Attention(torch_nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = torch_nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]


class Raising(torch_nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("a bug of the model")


def _nan() -> torch_nn.Module:
    module = torch_nn.Linear(6, 2)
    module.weight.data[0, 0] = float("nan")
    return module


def _untracked() -> torch_nn.Module:
    return torch_nn.BatchNorm2d(3, track_running_stats=False)


LAYERS: dict[str, tuple[Callable[[], Any], Shape, str]] = {
    "layer_norm": (lambda: torch_nn.LayerNorm(6), VECTOR, "layer LayerNorm.*use BatchNorm"),
    "group_norm": (lambda: torch_nn.GroupNorm(3, 3), IMAGE, "layer GroupNorm.*use BatchNorm"),
    "instance_norm": (lambda: torch_nn.InstanceNorm2d(3), IMAGE, "InstanceNorm2d.*fixed"),
    "batch_norm_untracked": (_untracked, IMAGE, "BatchNorm2d.*track_running_stats"),
    "local_response": (lambda: torch_nn.LocalResponseNorm(2), IMAGE, "LocalResponseNorm"),
    "softmax_inside": (
        lambda: torch_nn.Sequential(torch_nn.Softmax(1), torch_nn.Linear(6, 2)),
        VECTOR,
        "layer Softmax at '0', step 1 of .* in Sequential.*client",
    ),
    "softmin_inside": (
        lambda: torch_nn.Sequential(torch_nn.Softmin(1), torch_nn.Linear(6, 2)), VECTOR, "Softmin"
    ),
    "lstm": (
        lambda: function(lambda self, x: self.a(x)[0], a=torch_nn.LSTM(6, 4)), SEQUENCE, "LSTM"
    ),
    "gru": (lambda: function(lambda self, x: self.a(x)[0], a=torch_nn.GRU(6, 4)), SEQUENCE, "GRU"),
    "embedding": (lambda: torch_nn.Embedding(10, 3), VECTOR, "Embedding"),
    "attention": (Attention, SEQUENCE, "softmax|MultiheadAttention"),
    "transformer": (
        lambda: torch_nn.TransformerEncoderLayer(6, 2, 8, batch_first=True),
        SEQUENCE,
        "TransformerEncoderLayer",
    ),
    "hardshrink": (lambda: torch_nn.Hardshrink(), VECTOR, "Hardshrink"),
    "softsign": (lambda: torch_nn.Softsign(), VECTOR, "Softsign.*division"),
    "max_pool3d": (lambda: torch_nn.MaxPool3d(2), (1, 4, 4, 4), "MaxPool3d"),
    "fractional": (lambda: torch_nn.FractionalMaxPool2d(2, 3), IMAGE, "FractionalMaxPool2d|random"),
    "lp_pool": (lambda: torch_nn.LPPool2d(2, 2), IMAGE, "LPPool2d"),
    "cosine": (
        lambda: function(lambda self, x: functional.cosine_similarity(x, x.flip(1))), VECTOR, ""
    ),
    "two_inputs": (TwoInputs, VECTOR, "needs the inputs x, y: a second input"),
    "nan_weights": (_nan, VECTOR, "layer Linear at 'linear'.*holds 1 NaN"),
    "lazy": (lambda: torch_nn.LazyLinear(2), VECTOR, "LazyLinear never ran"),
    "lazy_inside": (
        lambda: torch_nn.Sequential(torch_nn.LazyConv2d(2, 3)),
        IMAGE,
        "LazyConv2d at '0' never ran.*run the mod",
    ),
    "meta": (lambda: torch_nn.Linear(6, 2, device="meta"), VECTOR, "device 'meta'"),
    "wrong_size": (lambda: torch_nn.Linear(7, 2), VECTOR, "fails on the example of shape"),
    "raising": (Raising, VECTOR, "KeyError.*a bug of the model"),
    "bilinear": (
        lambda: function(lambda self, x: self.a(x, x), a=torch_nn.Bilinear(6, 6, 2)), VECTOR, ""
    ),
    "embedding_bag": (lambda: torch_nn.EmbeddingBag(10, 3), VECTOR, ""),
    "unpool": (
        lambda: function(
            lambda self, x: functional.max_unpool2d(
                *functional.max_pool2d(x, 2, return_indices=True), 2
            )
        ),
        IMAGE,
        "unpool|max",
    ),
}

FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "divided_by_itself": (lambda self, x: x / (x + 1), "operation div.*divide by constants"),
    "one_over": (lambda self, x: 1 / x, "divide by constants"),
    "normalised": (lambda self, x: functional.normalize(x), "norm|div"),
    "root": (lambda self, x: x.sqrt(), "operation sqrt.*a root is no polynomial"),
    "rsqrt": (lambda self, x: torch.rsqrt(x), "root"),
    "logarithm": (lambda self, x: x.log(), "logarithm"),
    "power_half": (lambda self, x: x**0.5, "the power 0.5"),
    "power_minus": (lambda self, x: x**-1, "power|divide"),
    "power_of_two": (lambda self, x: 2**x, "power"),
    "power_of_itself": (lambda self, x: x**x, "power"),
    "power_100": (lambda self, x: x**100, "the power 100"),
    "sign": (lambda self, x: x.sign(), "operation sign.*jumps"),
    "rounded": (lambda self, x: x.round(), "jumps"),
    "floor": (lambda self, x: torch.floor(x), "jumps"),
    "floor_division": (lambda self, x: x // 2, "rounds|jumps"),
    "remainder": (lambda self, x: x % 2, "no counterpart"),
    "compared": (lambda self, x: (x > 0).to(x) * x, "comparison"),
    "masked_by_itself": (lambda self, x: torch.where(x > 0, x, 0 * x), "comparison"),
    "indexed_by_itself": (lambda self, x: x[x > 0], "comparison|branches"),
    "argmax": (lambda self, x: x.argmax(1), "argmax.*let the client"),
    "topk": (lambda self, x: x.topk(2, 1)[0], "topk"),
    "sorted": (lambda self, x: x.sort(1)[0], "sort"),
    "median": (lambda self, x: x.median(1)[0], "median"),
    "norm": (lambda self, x: x.norm(dim=1), "norm"),
    "variance": (lambda self, x: x.var(1), "var"),
    "deviation": (lambda self, x: x.std((2, 3)), "std"),
    "max_of_channels": (lambda self, x: x.max(1)[0], "maximum over"),
    "max_of_all": (lambda self, x: x.max(), "max"),
    "mean_of_batch": (lambda self, x: x.mean(0), "batch axis"),
    "mean_of_all": (lambda self, x: x.mean(), "batch axis"),
    "minus_batch_mean": (lambda self, x: x - x.mean(0, keepdim=True), "batch axis"),
    "sum_of_all": (lambda self, x: x.sum(), "batch axis"),
    "batch_flipped": (lambda self, x: x.flip(0), "mixes the images"),
    "batch_joined": (lambda self, x: torch.cat([x, x]), "batch"),
    "batch_moved": (lambda self, x: x.permute(1, 0, 2, 3), "batch"),
    "all_in_one": (lambda self, x: x.reshape(-1), "batch"),
    "batch_gram": (lambda self, x: x.flatten(1) @ x.flatten(1).T, "images of a batch|batch"),
    "first_image": (lambda self, x: x + x[:1], "mixes the images"),
    "branch": (lambda self, x: x if x.sum() > 0 else -x, "branches or loops on the values"),
    "loop_on_values": (lambda self, x: _doubled(x), "branches or loops on the values"),
    "item": (lambda self, x: x * x.mean().item(), "branches or loops on the values"),
    "to_numpy": (lambda self, x: torch.from_numpy(x.numpy()), ""),
    "dropout_that_drops": (lambda self, x: functional.dropout(x, 0.5, True), "random|drop"),
    "random_noise": (lambda self, x: x + torch.randn_like(x), "random"),
    "whole_numbers": (lambda self, x: x.long(), "rounded to torch.int64"),
    "boolean": (lambda self, x: x.bool(), "rounded to torch.bool"),
    "complex_numbers": (lambda self, x: torch.fft.rfft(x).real, "complex"),
    "constant": (lambda self, x: torch.ones(2, 3), "does not depend on the input"),
    "none": (lambda self, x: None, "returns NoneType"),
    "number": (lambda self, x: 3, "returns int"),
    "text": (lambda self, x: "cat", "returns str"),
    "softmax_and_more": (lambda self, x: x.softmax(1) * 2, "softmax"),
    "logsumexp": (lambda self, x: x.logsumexp(1), "softmax"),
    "sdpa": (lambda self, x: functional.scaled_dot_product_attention(x, x, x), "softmax"),
    "weights_from_input": (
        lambda self, x: functional.conv2d(x, x[:1, :, :3, :3]), "weight is computed from the input"
    ),
    "grid_sample": (
        lambda self, x: functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1)), "no counterpart"
    ),
    "cdist": (lambda self, x: torch.cdist(x, x), "norm|no counterpart"),
    "determinant": (lambda self, x: torch.linalg.det(x), "no counterpart"),
    "inverse": (lambda self, x: torch.linalg.inv(x), "no counterpart"),
    "prod": (lambda self, x: x.prod(1), "no counterpart"),
    "cumprod": (lambda self, x: x.cumprod(1), "no counterpart"),
    "bucketize": (lambda self, x: torch.bucketize(x, torch.tensor([0.0, 1])).to(x), ""),
    "tan": (lambda self, x: x.tan(), "no counterpart"),
    "running_batch_sum": (lambda self, x: x.cumsum(0), "batch axis"),
    "wrong_shapes": (lambda self, x: x @ waves(7, 2).to(x), "fails on the example"),
    "missing_attribute": (lambda self, x: self.missing(x), "AttributeError"),
    "division_by_zero": (lambda self, x: x / 0, "divides by zero"),
    "infinite": (lambda self, x: x * float("inf"), "NaN or inf"),
}


def _doubled(x: Tensor) -> Tensor:
    while x.abs().max() < 100:
        x = 2 * x
    return x


def refused(name: str) -> tuple[Any, Shape, str]:
    """The model of a case, the shape of one input, and words of the message."""
    if name in LAYERS:
        make, shape, message = LAYERS[name]
        return make(), shape, message
    body, message = FUNCTIONS[name]
    return Function(body), IMAGE, message


REFUSED = [*LAYERS, *FUNCTIONS]
