"""Maxima as tournaments of pairs: ``max(x, y) = (x + y) / 2 + |x - y| / 2``.

A window of k elements along an axis takes ceil(log2 k) rounds: the maxima of 2, 4, .. neighbours,
and last those of k, from two overlapping ones. Half the sum and half the difference of a pair are
convolutions, which the layers around them may take in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nn.approximation.replacement import Method, Replaced, one_polynomial, times_sign
from nn.approximation.samples import Samples
from nn.errors import ApproximationError
from nn.network.activation import Polynomial
from nn.network.graph import Node
from nn.network.layers import Add, AvgPool2d, Conv2d, FloatArray, Layer
from nn.network.nonlinear import MaxPool2d

Evaluate = Callable[[Node], FloatArray]
"""The values of a node on the calibration images, from those of the nodes before; it keeps them."""

AVERAGE = "average"


@dataclass(frozen=True)
class Round:
    """Pairs of elements `apart` rows or columns from each other, every `stride` along the axis."""

    axis: int
    apart: int
    stride: int


def rounds_of(pool: MaxPool2d) -> list[Round]:
    """The rounds of a pool's tournament, columns first."""
    found = []
    for axis in (1, 0):
        length, stride, step = pool.kernel[axis], pool.stride[axis], pool.dilation[axis]
        reached = 1
        while reached < length:
            more = min(reached, length - reached)
            last = reached + more == length
            found.append(Round(axis, more * step, stride if last else 1))
            reached += more
        if length == 1 and stride > 1:
            raise ApproximationError(
                f"a pool {pool.kernel} with stride {pool.stride} leaves out elements: use a "
                f"stride of 1 along an axis of length 1"
            )
    return found


def pool_levels(pool: MaxPool2d, method: Method) -> int:
    """The levels of a tournament: of each round the linear map and the absolute value."""
    return len(rounds_of(pool)) * (method.levels + 1)


def replaced_pool(
    node: Node,
    pool: MaxPool2d,
    method: Method,
    evaluate: Evaluate,
    source: FloatArray,
    margin: float,
) -> Replaced:
    """The tournament of a pool.

    source: the values that the pool reads. The bound on the error is that of all rounds together: a
    maximum moves by no more than its inputs do. Padding, which never wins, is made of the least
    value of the calibration images. Raises `ApproximationError` for padding on one side alone.
    """
    if pool.before != pool.after:
        raise ApproximationError(
            f"node {node.name!r} pads {pool.before} before and {pool.after} behind the image: the "
            f"same padding on both sides is needed"
        )
    nodes: list[Node] = []
    reader, name = node.inputs[0], node.name
    channels, padded = source.shape[1], any(pool.before)
    least = float(source.min())
    if padded and least < 0:
        nodes.append(Node(f"{name}.raised", Polynomial(np.array([-least, 1.0])), (reader,)))
        reader = nodes[-1].name
        evaluate(nodes[-1])
    error, low, high = 0.0, 0.0, 0.0
    pad_y, pad_x = pool.before
    rounds = rounds_of(pool)
    for index, one in enumerate(rounds):
        is_last = index == len(rounds) - 1 and not (padded and least < 0)
        stem = name if is_last else f"{name}.round{index + 1}"
        pads = (0, pad_x) if one.axis == 1 else (pad_y, 0)
        pad_y, pad_x = (pad_y, 0) if one.axis == 1 else (0, pad_x)
        half, difference = (
            Node(f"{stem}.{kind}", _pair(one, channels, sign, pads), (reader,))
            for kind, sign in (("mean", 1.0), ("difference", -1.0))
        )
        evaluate(half)
        samples = Samples.of(evaluate(difference), margin, symmetric=True)
        size = absolute(f"{stem}.size", difference.name, method, samples)
        total = Node(stem, Add(), (half.name, size.nodes[-1].name))
        for new in size.nodes:
            evaluate(new)
        evaluate(total)
        nodes += [half, difference, *size.nodes, total]
        reader = stem
        error += size.error
        low, high = min(low, size.low), max(high, size.high)
    if padded and least < 0:
        nodes.append(Node(name, Polynomial(np.array([least, 1.0])), (reader,)))
        evaluate(nodes[-1])
    return Replaced(tuple(nodes), error, low, high)


def replaced_maximum(node: Node, method: Method, evaluate: Evaluate, margin: float) -> Replaced:
    """The larger of two values."""
    name, (first, second) = node.name, node.inputs
    halves = [
        Node(f"{name}.first", Polynomial(np.array([0.0, 0.5])), (first,)),
        Node(f"{name}.second", Polynomial(np.array([0.0, 0.5])), (second,)),
        Node(f"{name}.negative", Polynomial(np.array([0.0, -0.5])), (second,)),
    ]
    mean = Node(f"{name}.mean", Add(), (halves[0].name, halves[1].name))
    difference = Node(f"{name}.difference", Add(), (halves[0].name, halves[2].name))
    for new in (*halves, mean):
        evaluate(new)
    samples = Samples.of(evaluate(difference), margin, symmetric=True)
    size = absolute(f"{name}.size", difference.name, method, samples)
    total = Node(name, Add(), (mean.name, size.nodes[-1].name))
    for new in (*size.nodes, total):
        evaluate(new)
    nodes = (*halves, mean, difference, *size.nodes, total)
    return Replaced(nodes, size.error, size.low, size.high)


def averaged(pool: MaxPool2d) -> AvgPool2d:
    """The average over the same windows; raises `ApproximationError` where there is none."""
    if pool.dilation != (1, 1) or pool.before != pool.after:
        raise ApproximationError(
            f"a pool of dilation {pool.dilation} and padding {pool.before}, {pool.after} has no "
            f"average in its place"
        )
    return AvgPool2d(pool.kernel, pool.stride, pool.before)


def absolute(name: str, source: str, method: Method, samples: Samples) -> Replaced:
    """``|x|`` on symmetric ranges."""
    if method.degree is not None:
        return one_polynomial(name, source, np.abs, samples, method.degree, kinks=(0.0,), even=True)
    return times_sign(name, source, (0.0, 1.0), method.sign, samples)


def _pair(one: Round, channels: int, sign: float, padding: tuple[int, int]) -> Layer:
    """The convolution ``x[i] / 2 + sign x[i + apart] / 2`` of every channel for itself."""
    taps = np.zeros(one.apart + 1)
    taps[0], taps[-1] = 0.5, 0.5 * sign
    kernel = taps[None, :] if one.axis == 1 else taps[:, None]
    weight = np.broadcast_to(kernel, (channels, 1, *kernel.shape))
    stride = (1, one.stride) if one.axis == 1 else (one.stride, 1)
    return Conv2d(weight, np.zeros(channels), stride, padding, groups=channels)
