"""The zoo's residual network and its trainable activation. Importing this file imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from nn.frontend.torch_layers import PolynomialActivation

MEAN = (0.4914, 0.4822, 0.4465)
DEVIATION = (0.2470, 0.2435, 0.2616)
"""Of each colour over CIFAR-10's training images, of pixels / 255."""

WIDTHS = (16, 32, 64)
BLOCKS = 3
MOMENTUM = 0.05
EPSILON = 1e-5

LIMIT, CLAMP = 6.0, 8.0
"""Deviations of a channel. Values beyond the first are penalised in training, and held within the
second: an image that goes astray would spoil its batch's moments. In use nothing is held."""

LEAST_SQUARE = 0.01
"""The least absolute coefficient of x^2: smaller ones lose precision or take another level."""

Activation = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def coefficients(moments: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``w2, w1, w0`` of each channel, from the means of ``x, x^2, x^4`` ``(3, channels)``."""
    w1 = gamma[0] * (moments[1] - moments[0].square() + EPSILON).rsqrt()
    w2 = gamma[1] * (moments[2] - moments[1].square() + EPSILON).rsqrt()
    return w2, w1, beta - w1 * moments[0] - w2 * moments[1]


def hermite(x: Tensor, gamma: Tensor, beta: Tensor, usual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The activation by the batch's own moments, of values that are held within `CLAMP`.

    usual: ``(3, channels)``, the moments so far; deviations are counted by them. Returns the
    values, the batch's moments, and the mean square of the deviations beyond `LIMIT`.
    """
    values = x.float()
    mean = usual[0, :, None, None]
    deviation = (usual[1] - usual[0].square() + EPSILON).sqrt()[:, None, None]
    standard = (values - mean) / deviation
    excess = functional.relu(standard.abs() - LIMIT).square().mean()
    values = standard.clamp(-CLAMP, CLAMP) * deviation + mean
    squares = values * values
    moments = torch.stack([v.mean((0, 2, 3)) for v in (values, squares, squares * squares)])
    w2, w1, w0 = (w[:, None, None] for w in coefficients(moments, gamma, beta))
    result = w2 * squares + w1 * values + w0
    return result.to(x.dtype), moments.detach(), excess


class NormalisedHermite(nn.Module):
    """ReLU's Hermite series to degree 2, each basis polynomial batch-normalised by channel.

    ``gamma (f1 N(h1(x)) + f2 N(h2(x))) + beta`` with ``h1 = x``, ``h2 = (x^2 - 1) / sqrt 2``,
    ``f1 = 1/2``, ``f2 = 1 / sqrt(4 pi)`` and N the batch normalisation of one channel (Park, Kim,
    Jung, Ahn, *AESPA*, arXiv:2201.06699). N of h2 is N of x^2, so three moments determine it all.
    With fixed moments it is one polynomial of degree 2 for each channel: `folded`.
    """

    moments: Tensor

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        series = torch.tensor([1 / 2, 1 / math.sqrt(4 * math.pi)])
        self.gamma = nn.Parameter(series[:, None].repeat(1, channels))
        self.beta = nn.Parameter(torch.full((channels,), 1 / math.sqrt(2 * math.pi)))
        normal = torch.tensor([0.0, 1.0, 3.0])  # the moments of a normal distribution
        self.register_buffer("moments", normal[:, None].repeat(1, channels))
        self.excess = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """The activation; in training it takes the batch's moments and keeps their average."""
        if self.training:
            result, moments, self.excess = self.activation(x, self.gamma, self.beta, self.moments)
            self.moments.lerp_(moments, MOMENTUM)
            return result
        w2, w1, w0 = (w[:, None, None] for w in coefficients(self.moments, self.gamma, self.beta))
        return ((w2 * x + w1) * x + w0).to(x.dtype)

    def imitate_relu(self, x: Tensor) -> None:
        """Start from the least-squares fit to ReLU on values ``(B, channels, H, W)``."""
        with torch.no_grad():
            x = x.float().transpose(0, 1).flatten(1)
            squares = x * x
            moments = torch.stack([v.mean(1) for v in (x, squares, squares * squares)])
            basis = [x - moments[0, :, None], squares - moments[1, :, None]]
            basis = [b * (b.square().mean(1, keepdim=True) + EPSILON).rsqrt() for b in basis]
            goal = x.relu()
            beta = goal.mean(1)
            inner = [(b * (goal - beta[:, None])).mean(1) for b in basis]
            both = (basis[0] * basis[1]).mean(1).clamp(-0.98, 0.98)
            rest = 1 - both.square()
            self.gamma[0] = (inner[0] - both * inner[1]) / rest
            self.gamma[1] = (inner[1] - both * inner[0]) / rest
            self.beta.copy_(beta)
            self.moments.copy_(moments)

    def hold_square(self) -> None:
        """Keep the coefficient of x^2 away from zero, in place (`LEAST_SQUARE`)."""
        with torch.no_grad():
            spread = (self.moments[2] - self.moments[1].square() + EPSILON).sqrt()
            least = LEAST_SQUARE * spread
            square = self.gamma[1]
            self.gamma[1] = torch.where(square.abs() < least, torch.copysign(least, square), square)

    def folded(self) -> PolynomialActivation:
        """The same function in evaluation mode, as a polynomial for each channel."""
        with torch.no_grad():
            w2, w1, w0 = coefficients(self.moments, self.gamma, self.beta)
            polynomial = PolynomialActivation(channels=len(w0))
            polynomial.coefficients.copy_(torch.stack([w0, w1, w2], dim=1))
        return polynomial


class Block(nn.Module):
    """Two convolutions beside a shortcut; an activation after the first and after the sum.

    Where the plane halves, the shortcut takes every second pixel, and channels of zeros are added
    before and after (option A; He, Zhang, Ren, Sun, arXiv:1512.03385, section 4.2).
    """

    def __init__(self, inputs: int, outputs: int, make: Callable[[int], NormalisedHermite]) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.added = (outputs - inputs) // 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.act1 = make(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.act2 = make(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, H, W)`` to ``(B, outputs, H / stride, W / stride)``."""
        y = self.conv2(self.act1(self.conv1(x)))
        if self.added:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return torch.as_tensor(self.act2(y + x))


class ResNet20(nn.Module):
    """ResNet-20 on pixels / 255 ``(B, 3, H, W)``; activations `NormalisedHermite`.

    activation: what computes them in training (`hermite`, or that function compiled).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, activation: Activation = hermite) -> None:
        super().__init__()

        def make(channels: int) -> NormalisedHermite:
            return NormalisedHermite(channels, activation)

        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        self.conv = nn.Conv2d(3, WIDTHS[0], 3, 1, 1)
        self.act = make(WIDTHS[0])
        sizes = [width for width in WIDTHS for _ in range(BLOCKS)]
        pairs = zip([WIDTHS[0], *sizes[:-1]], sizes, strict=True)
        self.blocks = nn.Sequential(*(Block(*pair, make) for pair in pairs))
        self.fc = nn.Linear(WIDTHS[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        """Ten logits ``(B, 10)``."""
        return self.with_features(x)[0]

    def with_features(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The logits, and the values after each of the three groups of blocks."""
        x = self.act(self.conv((x - self.mean) / self.deviation))
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index % BLOCKS == BLOCKS - 1:
                features.append(x)
        return torch.as_tensor(self.fc(x.mean([2, 3]))), features

    def layers(self) -> list[tuple[nn.Conv2d, NormalisedHermite]]:
        """Each convolution with the activation behind it, in order."""
        found = [(self.conv, self.act)]
        for block in self.blocks:
            assert isinstance(block, Block)
            found += [(block.conv1, block.act1), (block.conv2, block.act2)]
        return found

    def excess(self) -> Tensor:
        """The mean square by which the last batch's values exceeded the limit, of all layers."""
        found = [m.excess for m in self.modules() if isinstance(m, NormalisedHermite)]
        return torch.stack(found).sum()

    def fold(self) -> None:
        """Replace every activation by its polynomial, in place."""
        for module in list(self.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, NormalisedHermite):
                    setattr(module, name, child.folded())
