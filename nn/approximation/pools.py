"""Maxima as tournaments of pairs: ``max(x, y) = (x + y) / 2 + |x - y| / 2``.

A window of k elements along an axis takes ceil(log2 k) rounds: the maxima of 2, 4, .. neighbours,
and last those of k, from two overlapping ones. Half the sum and half the difference of the pairs
are linear maps, which the layers around them may take in. An element whose partner lies outside of
the image is the maximum itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nn.approximation.replacement import Method, Replaced, one_polynomial, times_sign
from nn.approximation.samples import Ranges, Samples
from nn.errors import ApproximationError
from nn.network.activation import Polynomial
from nn.network.graph import Node
from nn.network.layers import Add, AvgPool2d, FloatArray, Shape
from nn.network.linear_map import LinearMap
from nn.network.nonlinear import MaxPool2d

Evaluate = Callable[[Node], FloatArray]
"""The values of a node on the calibration images, from those of the nodes before; it keeps them."""


@dataclass(frozen=True)
class Round:
    """Pairs of elements along an axis of the image.

    axis: 0 for rows, 1 for columns. first, second: the elements of each pair, by their places along
    the axis, or -1 for none; one of the two is an element.
    """

    axis: int
    first: tuple[int, ...]
    second: tuple[int, ...]


def rounds_of(pool: MaxPool2d, shape: Shape) -> list[Round]:
    """The rounds of the tournament of a pool on an image ``(C, H, W)``, columns first."""
    found = []
    for axis in (1, 0):
        length, step, stride = pool.kernel[axis], pool.dilation[axis], pool.stride[axis]
        # At each place, counted from the padding in front: the element that holds the maximum of
        # the `reached` elements from there on, or -1.
        before, after = pool.before[axis], pool.after[axis]
        held = [-1] * before + list(range(shape[1 + axis])) + [-1] * after
        starts = range(0, len(held) - (length - 1) * step, stride)
        reached = 1
        while reached < length:
            more = min(reached, length - reached)
            last = reached + more == length
            places = starts if last else range(len(held) - more * step)
            pairs = [(held[i], held[i + more * step]) for i in places]
            first = tuple(max(pair) if -1 in pair else pair[0] for pair in pairs)
            second = tuple(-1 if -1 in pair else pair[1] for pair in pairs)
            present = [i for i, x in enumerate(first) if x >= 0]
            found.append(
                Round(axis, tuple(first[i] for i in present), tuple(second[i] for i in present))
            )
            numbers = {place: number for number, place in enumerate(present)}
            held = [numbers.get(i, -1) for i in range(len(first))]
            reached += more
        if length == 1 and (stride > 1 or len(starts) != len(held)):
            found.append(Round(axis, tuple(held[i] for i in starts), (-1,) * len(starts)))
    return found


def pool_levels(pool: MaxPool2d, method: Method) -> int:
    """The levels of a tournament: of each round the linear map and the absolute value."""
    rounds = sum((length - 1).bit_length() for length in pool.kernel)
    return rounds * (method.levels + 1)


def replaced_pool(
    node: Node,
    pool: MaxPool2d,
    method: Method,
    evaluate: Evaluate,
    source: FloatArray,
    ranges: Ranges,
) -> Replaced:
    """The tournament of a pool.

    source: the values that the pool reads. The bound on the error is that of all rounds together: a
    maximum moves by no more than its inputs do.
    """
    nodes: list[Node] = []
    reader, shape = node.inputs[0], source.shape[1:]
    low = high = 0.0
    sizes: list[Replaced] = []
    rounds = rounds_of(pool, shape)
    if not rounds:
        nodes = [Node(node.name, Polynomial(np.array([0.0, 1.0])), (reader,))]
        evaluate(nodes[0])
    for index, one in enumerate(rounds):
        stem = node.name if index == len(rounds) - 1 else f"{node.name}.round{index + 1}"
        if max(one.second) < 0:
            nodes.append(Node(stem, _pairs(one, shape, 1.0), (reader,)))
            reader, shape = stem, evaluate(nodes[-1]).shape[1:]
            continue
        half, difference = (
            Node(f"{stem}.{kind}", _pairs(one, shape, sign), (reader,))
            for kind, sign in (("mean", 1.0), ("difference", -1.0))
        )
        evaluate(half)
        samples = ranges.samples(evaluate(difference), symmetric=True)
        size = absolute(f"{stem}.size", difference.name, method, samples)
        total = Node(stem, Add(), (half.name, size.nodes[-1].name))
        for new in size.nodes:
            evaluate(new)
        nodes += [half, difference, *size.nodes, total]
        reader, shape = stem, evaluate(total).shape[1:]
        sizes.append(size)
        low, high = min(low, size.low), max(high, size.high)
    return Replaced(tuple(nodes), lambda: sum(size.error for size in sizes), low, high)


def replaced_maximum(node: Node, method: Method, evaluate: Evaluate, ranges: Ranges) -> Replaced:
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
    samples = ranges.samples(evaluate(difference), symmetric=True)
    size = absolute(f"{name}.size", difference.name, method, samples)
    total = Node(name, Add(), (mean.name, size.nodes[-1].name))
    for new in (*size.nodes, total):
        evaluate(new)
    nodes = (*halves, mean, difference, *size.nodes, total)
    return Replaced(nodes, size.bound, size.low, size.high)


def averaged(node: Node, pool: MaxPool2d, evaluate: Evaluate, source: FloatArray) -> Replaced:
    """A multiple of the average over the same windows, and a constant, in place of a maximum.

    Both are those of least squares over the calibration images, for each channel. The error is the
    largest over these images. Raises `ApproximationError` for windows without an average.
    """
    if pool.dilation != (1, 1) or any(
        2 * pad > extent for pad, extent in zip(pool.before, pool.kernel, strict=True)
    ):
        raise ApproximationError(
            f"node {node.name!r}: a pool of dilation {pool.dilation} and padding {pool.before} has "
            f"no average in its place"
        )
    layer = AvgPool2d(pool.kernel, pool.stride, pool.before)
    exact = pool.forward(source)
    if layer.output_shape(source.shape[1:]) != exact.shape[1:]:
        raise ApproximationError(
            f"node {node.name!r}: a pool padded by {pool.before} in front and {pool.after} behind "
            f"has no average in its place"
        )
    mean = Node(f"{node.name}.average", layer, node.inputs)
    found = np.moveaxis(evaluate(mean), 1, 0).reshape(source.shape[1], -1)
    wanted = np.moveaxis(exact, 1, 0).reshape(found.shape)
    rows = np.array([_line(x, y) for x, y in zip(found, wanted, strict=True)])
    fitted = Node(node.name, Polynomial(rows), (mean.name,))
    error = float(np.abs(evaluate(fitted) - exact).max())
    return Replaced((mean, fitted), lambda: error, float(source.min()), float(source.max()))


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """(b, a) of the line ``a x + b`` nearest to y; a = 1 for a constant x."""
    spread = float(np.mean((x - x.mean()) ** 2))
    slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread if spread > 1e-12 else 1.0
    slope = slope or 1.0
    return float(y.mean()) - slope * float(x.mean()), slope


def absolute(name: str, source: str, method: Method, samples: Samples) -> Replaced:
    """``|x|`` on symmetric ranges."""
    if method.degree is not None:
        return one_polynomial(name, source, np.abs, samples, method.degree, kinks=(0.0,), even=True)
    return times_sign(name, source, (0.0, 1.0), method.sign, samples)


def _pairs(one: Round, shape: Shape, sign: float) -> LinearMap:
    """``x[first] / 2 + sign x[second] / 2``; without a second ``x[first]``, or 0 for sign = -1."""
    channels, *image = shape
    count = len(one.first)
    first, second = np.array(one.first), np.array(one.second)
    alone = second < 0
    out_shape = (channels, image[0], count) if one.axis == 1 else (channels, count, image[1])
    out_index = np.arange(int(np.prod(out_shape))).reshape(out_shape)
    in_index = np.arange(int(np.prod(shape))).reshape(shape)

    def entries(
        taken: np.ndarray, places: np.ndarray, values: Sequence[float] | FloatArray
    ) -> tuple[FloatArray, np.ndarray, np.ndarray]:
        rows = np.take(out_index, places, axis=1 + (one.axis == 1))
        columns = np.take(in_index, taken, axis=1 + (one.axis == 1))
        along = (1, 1, -1) if one.axis == 1 else (1, -1, 1)
        spread = np.broadcast_to(np.reshape(values, along), rows.shape)
        return spread.ravel(), rows.ravel(), columns.ravel()

    single = 1.0 if sign > 0 else 0.0
    parts = [
        entries(first, np.arange(count), np.where(alone, single, 0.5)),
        entries(second[~alone], np.flatnonzero(~alone), np.full(int((~alone).sum()), 0.5 * sign)),
    ]
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    bias = np.zeros(out_index.size)
    return LinearMap.from_entries(values, rows, columns, bias, shape, out_shape)
