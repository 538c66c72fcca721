"""Random small networks, and how far two float64 evaluations of one can lie apart."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nn.network.activation import Polynomial
from nn.network.evaluation_error import FLOAT64_ROUNDOFF
from nn.network.folding import fold_batch_norms
from nn.network.graph import INPUT, Network, Node
from nn.network.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    FloatArray,
    Layer,
    Linear,
    Shape,
)
from nn.stages.stage import Stage


class Builder:
    """Grows a network node by node; weights are scaled so that values stay near 1."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = self.input_shape = shape
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.last = INPUT

    def add(self, layer: Layer, *inputs: str) -> None:
        name = f"{type(layer).__name__.lower()}{len(self.nodes)}"
        self.nodes.append(Node(name, layer, inputs or (self.last,)))
        self.last = name

    def conv(self, channels: int, kernel: int, stride: int, padding: int, groups: int = 1) -> None:
        weight = self.rng.normal(size=(channels, self.shape[0] // groups, kernel, kernel))
        layer = Conv2d(
            weight / np.sqrt(weight[0].size),
            self.rng.normal(size=channels),
            (stride, stride),
            (padding, padding),
            groups,
        )
        self.add(layer)
        self.shape = layer.output_shape(self.shape)

    def linear(self, features: int) -> None:
        if len(self.shape) == 3:
            self.add(Flatten())
            self.shape = (int(np.prod(self.shape)),)
        weight = self.rng.normal(size=(features, *self.shape)) / np.sqrt(self.shape[0])
        self.add(Linear(weight, self.rng.normal(size=features)))
        self.shape = (features,)

    def batch_norm(self) -> None:
        channels = self.shape[0]
        mean, gamma, beta = self.rng.normal(size=(3, channels))
        self.add(BatchNorm(mean, self.rng.uniform(0.5, 2, channels), gamma, beta))

    def polynomial(self, degree: int, shared: bool, flat: bool = False) -> None:
        rows = 1 if shared else self.shape[0]
        coefficients = self.rng.normal(size=(rows, degree + 1))
        coefficients[:, -1] += np.where(coefficients[:, -1] < 0, -0.2, 0.2)
        if flat:
            coefficients[:, -1] *= 1e-4
        self.add(Polynomial(coefficients[0] if shared else coefficients))

    def residual(self, kind: int) -> None:
        """x + x, x + conv x, or conv x + act(conv x), of one shape."""
        start, shape = self.last, self.shape
        if len(shape) == 3:
            if kind:
                self.conv(shape[0], 3, 1, 1)
            middle = self.last
            if kind == 2:
                self.last = start
                self.conv(shape[0], 1, 1, 0)
                self.polynomial(2, shared=False)
                start = self.last
        else:
            if kind:
                self.linear(shape[0])
            middle = self.last
        self.add(Add(), start, middle)

    def network(self, input_range: tuple[float, float] = (-1.0, 1.0)) -> Network:
        return Network("random", self.input_shape, tuple(self.nodes), input_range)


@st.composite
def networks(draw: st.DrawFn, most_blocks: int = 5) -> Network:
    """Up to `most_blocks` blocks of any layers on an image or a vector."""
    sizes = st.integers(1, 7)
    shape = draw(
        st.one_of(st.tuples(st.integers(1, 3), sizes, sizes), st.tuples(st.integers(1, 12)))
    )
    builder = Builder(shape, draw(st.integers(0, 2**32 - 1)))
    for _ in range(draw(st.integers(1, most_blocks))):
        _block(draw, builder)
    return builder.network()


def _block(draw: st.DrawFn, builder: Builder) -> None:
    kinds = ["linear", "polynomial", "square", "norm", "residual"]
    image = len(builder.shape) == 3
    kind = draw(st.sampled_from([*kinds, "conv", "conv", "pool", "flatten"] if image else kinds))
    if kind == "conv":
        # Output channels in multiples of the groups, and a kernel that fits the padded image.
        groups = draw(st.sampled_from([1, builder.shape[0]]))
        padding = draw(st.integers(0, 2))
        smallest = min(builder.shape[1:]) + 2 * padding
        kernel = draw(st.integers(1, min(4, smallest)))
        channels = groups * draw(st.integers(1, 4 // groups or 1))
        builder.conv(channels, kernel, draw(st.integers(1, 3)), padding, groups)
    elif kind == "pool":
        kernel = draw(st.integers(1, min(3, *builder.shape[1:])))
        layer = AvgPool2d((kernel, kernel), (draw(st.integers(1, 3)),) * 2)
        builder.add(layer)
        builder.shape = layer.output_shape(builder.shape)
    elif kind == "flatten":
        builder.add(Flatten())
        builder.shape = (int(np.prod(builder.shape)),)
    elif kind == "linear":
        builder.linear(draw(st.integers(1, 9)))
    elif kind == "polynomial":
        builder.polynomial(draw(st.integers(1, 3)), draw(st.booleans()), draw(st.booleans()))
    elif kind == "square":
        builder.add(Polynomial.square())
    elif kind == "norm":
        builder.batch_norm()
    else:
        builder.residual(draw(st.integers(0, 2)))


def images_for(network: Network, count: int, seed: int) -> FloatArray:
    """A batch within the input range."""
    rng = np.random.default_rng(seed)
    return rng.uniform(*network.input_range, size=(count, *network.input_shape))


def evaluation_tolerance(network: Network, images: FloatArray) -> FloatArray:
    """How far two evaluations in float64 can differ, however the arithmetic is arranged."""
    relative, magnitude = evaluation_errors(network, images)[network.output.name]
    return relative * magnitude


def evaluation_errors(network: Network, images: FloatArray) -> dict[str, tuple[float, FloatArray]]:
    """For every value: a bound on two evaluations' difference, as a factor and a magnitude.

    Every arrangement (layers merged, squares completed, sums in any order) computes a sum of
    products of parameters and inputs in which each product goes through at most K roundings, so it
    errs by at most ``gamma_K`` times the sum of the products' absolute values, ``gamma_K = K u /
    (1 - K u)`` (Higham, section 3.1); two differ by twice that. The sum is at most the network
    evaluated on absolute values, ``a x^2 + b x + c`` in its completed form. K grows by the
    roundings of a layer: a sum of n products takes n, merging two matrices as many again; a power
    d has d times the roundings of its base, and a handful for its coefficients.
    """
    magnitudes = {INPUT: np.abs(images)}
    roundings = {INPUT: 16}
    for node in network.nodes:
        inputs = [magnitudes[name] for name in node.inputs]
        before = max(roundings[name] for name in node.inputs)
        layer = node.layer
        terms = 2 * inputs[0][0].size + 16
        if isinstance(layer, Polynomial):
            terms = 16
            before *= layer.degree
        magnitudes[node.name] = _magnitude(layer, inputs)
        roundings[node.name] = before + terms
    unit = FLOAT64_ROUNDOFF
    return {
        name: (2 * roundings[name] * unit / (1 - roundings[name] * unit), magnitude)
        for name, magnitude in magnitudes.items()
    }


def stage_tolerance(stage: Stage, network: Network, images: FloatArray) -> FloatArray:
    """`evaluation_errors` of ``scale v + shift``."""
    relative, magnitude = evaluation_errors(fold_batch_norms(network), images)[stage.node]
    flat = magnitude.reshape(len(images), -1)
    return relative * (np.abs(stage.scale) * flat + np.abs(stage.shift))


def _magnitude(layer: Layer, inputs: list[FloatArray]) -> FloatArray:
    x = inputs[0]
    if isinstance(layer, Conv2d):
        weight, bias = np.abs(layer.weight), np.abs(layer.bias)
        return Conv2d(weight, bias, layer.stride, layer.padding, layer.groups).forward(x)
    if isinstance(layer, Linear):
        return Linear(np.abs(layer.weight), np.abs(layer.bias)).forward(x)
    rank = (1, -1) + (1,) * (x.ndim - 2)
    if isinstance(layer, BatchNorm):
        scale = np.abs(layer.scale)
        shift = np.abs(layer.mean) * scale + np.abs(layer.beta)
        return x * scale.reshape(rank) + shift.reshape(rank)
    if isinstance(layer, Polynomial) and layer.degree == 2:
        # With a = 0 in a channel no square is completed, and the plain terms remain.
        c, b, a = (part.reshape(rank) for part in np.abs(layer.coefficients_for(x.shape[1])).T)
        center = np.divide(b, 2 * a, out=np.zeros_like(a), where=a > 0)
        return a * (x + center) ** 2 + a * center**2 + c + b * x
    if isinstance(layer, Polynomial):
        return Polynomial(np.abs(layer.coefficients)).forward(x)
    return layer.forward(*inputs)
