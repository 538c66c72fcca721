"""Networks made from operations on tensors with a batch axis: what the converters share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.errors import UnsupportedLayerError
from nn.frontend.elements import (
    Coefficient,
    Elements,
    Inner,
    IntArray,
    elements_of,
    inner,
    trimmed,
)
from nn.network.activation import Polynomial
from nn.network.graph import INPUT, Node
from nn.network.layers import Add, Flatten, FloatArray, Layer, Shape
from nn.network.linear_map import LinearMap, Reshape
from nn.network.two_inputs import Multiply

Operand = Elements | FloatArray
"""A tensor that is computed from the input, or a constant."""

MOST_ELEMENTS = 1 << 24
"""The most elements of a tensor of one image."""

MIXED = (
    "it mixes the images of a batch or moves the batch axis; axis 0 must stay the batch axis, and "
    "each answer must be of one image"
)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How the original model computed a polynomial: its error is at most ``gamma_operations M``.

    ``M = sum_k sizes[k] |in[index]|^k`` on flattened values; the index None leaves all in order.
    """

    index: IntArray | None
    sizes: tuple[Coefficient, ...]
    operations: int

    def magnitude(self, values: FloatArray, shape: Shape) -> FloatArray:
        """M for a batch of inputs, in the output's shape."""
        flat = np.abs(values).reshape(len(values), -1)
        moved = flat if self.index is None else flat[:, self.index]
        total = np.zeros_like(moved)
        for size in self.sizes[::-1]:
            total = total * moved + size
        return total.reshape(len(values), *shape)


def image_shape(shape: Shape) -> Shape:
    """A shape without batch axis as that of a vector or an image, in the same order."""
    if len(shape) <= 1:
        return shape or (1,)
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return (shape[0], int(np.prod(shape[1:-1])), shape[-1])


class NetworkBuilder:
    """Collects the nodes of a network.

    images: the batch that the original model is traced with. name_of: a node's name, from the
    origin of its value and from what it does. `origins` has the origin of each node, by the node's
    name: the operation of the model that gives the node's value, or an `Inner` step of it.
    `arrangements` says how the model computed it, where that is not what the layer does.
    """

    def __init__(self, images: int, input_shape: Shape, name_of: Callable[[Any, str], str]) -> None:
        self.images = images
        self.nodes: dict[str, Node] = {}
        self.origins: dict[str, Any] = {}
        self.arrangements: dict[str, Arrangement] = {}
        self._shapes: dict[str, Shape] = {INPUT: input_shape}
        self._name_of = name_of
        self._made: dict[int, tuple[Elements, str]] = {}
        self._reshaped: dict[tuple[str, Shape], str] = {}

    # -- nodes ---------------------------------------------------------------------------------

    def emit(self, kind: str, layer: Layer, inputs: Sequence[str], origin: Any) -> str:
        """A new node with the origin's value; its name is returned."""
        wanted = self._name_of(origin.origin if isinstance(origin, Inner) else origin, kind)
        name, count = wanted, 1
        while name in self.nodes or name == INPUT:
            count += 1
            name = f"{wanted}_{count}"
        shape = layer.output_shape(*(self._shapes[i] for i in inputs))
        if math.prod(shape) > MOST_ELEMENTS:
            raise UnsupportedLayerError(f"it makes a tensor {shape} for each image")
        self._shapes[name] = shape
        self.nodes[name] = Node(name, layer, tuple(inputs))
        self.origins[name] = origin
        return name

    def size(self, name: str) -> int:
        """Elements of a node's value."""
        return int(np.prod(self._shapes[name]))

    def shape(self, name: str) -> Shape:
        """The shape of a node's value, without the batch axis."""
        return self._shapes[name]

    def value(self, name: str, shape: Sequence[int], origin: Any) -> Elements:
        """A node's value as a tensor of this shape, batch axis included."""
        return elements_of(name, tuple(shape), origin)

    def apply(
        self,
        kind: str,
        layer: Layer,
        value: Elements,
        shape: Sequence[int],
        origin: Any,
        image: Shape | None = None,
    ) -> Elements:
        """A layer of one input on a tensor; shape: of the result. image: what the layer reads."""
        return self.value(self.emit(kind, layer, [self.node(value, image)], origin), shape, origin)

    def node(self, tensor: Elements, shape: Shape | None = None) -> str:
        """The node whose value is this tensor, image by image in row-major order.

        shape: what the node's value must have. Raises `UnsupportedLayerError` where images mix.
        """
        known = self._made.get(id(tensor))
        name = known[1] if known else self._materialised(tensor)
        self._made[id(tensor)] = tensor, name
        if shape is None or self._shapes[name] == shape:
            return name
        if (name, shape) not in self._reshaped:
            layer: Layer = Flatten() if len(shape) == 1 else Reshape(shape)
            kind = "flatten" if len(shape) == 1 else "reshape"
            self._reshaped[name, shape] = self.emit(kind, layer, [name], tensor.origin)
        return self._reshaped[name, shape]

    def leading_to(self, output: str) -> tuple[Node, ...]:
        """The nodes that `output` needs, in order, itself included."""
        kept = {output}
        for node in reversed(self.nodes.values()):
            if node.name in kept:
                kept.update(node.inputs)
        return tuple(node for node in self.nodes.values() if node.name in kept)

    def output(self, parts: Sequence[Elements]) -> str:
        """The node of the network's output: one tensor, or several ones behind one another."""
        shape = parts[0].shape[1:] or (1,)
        last = parts[0]
        if len(parts) > 1:
            flat = [
                self.settled(part).moved(lambda array: array.reshape(len(array), -1), None)
                for part in parts
            ]
            joined = self.joined(flat, 1, None)
            assert isinstance(joined, Elements)
            last, shape = joined, joined.shape[1:]
        name = self.node(last, shape)
        if name != INPUT:
            return name
        layer: Layer = Flatten() if len(shape) == 1 else Reshape(shape)
        return self.emit("identity", layer, [INPUT], last.origin)

    # -- tensors to nodes ----------------------------------------------------------------------

    def _materialised(self, tensor: Elements) -> str:
        coefficients = [self._of_one_image(x) for x in trimmed(tensor.coefficients)]
        sizes = [self._of_one_image(x) for x in trimmed(tensor.magnitudes)]
        used = np.zeros(tensor.index.size // self.images, dtype=bool)
        for column in coefficients[1:]:
            used |= np.broadcast_to(np.asarray(column) != 0, used.shape)
        index, count = self._checked(tensor, used), self.size(tensor.base)
        in_order = len(index) == count and bool((index == np.arange(count)).all())
        plainly = not any(isinstance(x, np.ndarray) for x in coefficients)
        if in_order and plainly and coefficients == [0.0, 1.0]:
            return tensor.base
        base, degree = tensor.base, len(coefficients) - 1
        image = image_shape(tensor.shape[1:])
        if tensor.shape[:1] != (self.images,) or int(np.prod(image)) != len(index):
            image = (len(index),)
        columns = _by_channel(coefficients, image, image != (len(index),))
        if degree <= 1 and not (in_order and columns is not None):
            return self._map(tensor, coefficients, sizes, used, index, image)
        if not in_order:
            base = self._map(tensor, [0.0, 1.0], sizes, used, index, image, whole=False)
        if columns is None:
            image, columns = (len(index),), _by_channel(coefficients, (len(index),), True)
        assert columns is not None
        wanted = None if columns.ndim == 1 else image
        plain = self.node(elements_of(base, tensor.shape, inner(tensor.origin)), wanted)
        name = self.emit("polynomial", Polynomial(columns), [plain], tensor.origin)
        self.arrangements[name] = Arrangement(None, tuple(sizes), tensor.operations)
        return name

    def _map(
        self,
        tensor: Elements,
        coefficients: Sequence[Coefficient],
        sizes: Sequence[Coefficient],
        used: Any,
        index: IntArray,
        image: Shape,
        *,
        whole: bool = True,
    ) -> str:
        """The node of a polynomial of degree 1 or 0. whole: its value is the tensor."""
        places = np.flatnonzero(used)
        bias, factors = (
            np.broadcast_to(np.asarray(x, np.float64), used.shape) for x in (*coefficients, 0.0)[:2]
        )
        entries = factors[places], places, index[places]
        layer = LinearMap.from_entries(*entries, bias, self._shapes[tensor.base], image)
        origin = tensor.origin if whole else inner(tensor.origin)
        name = self.emit("gather", layer, [tensor.base], origin)
        if whole:
            self.arrangements[name] = Arrangement(index, tuple(sizes), tensor.operations)
        return name

    def _checked(self, tensor: Elements, used: Any) -> IntArray:
        """The index of one image; raises `UnsupportedLayerError` unless each has its own."""
        if tensor.index.size % self.images:
            raise UnsupportedLayerError(MIXED)
        rows = tensor.index.reshape(self.images, -1)
        count = self.size(tensor.base)
        own = rows - count * np.arange(self.images)[:, None]
        if (own != rows[0])[:, used].any() or (rows[0][used] >= count).any():
            raise UnsupportedLayerError(MIXED)
        first: IntArray = rows[0]
        return first

    def _of_one_image(self, coefficient: Coefficient) -> Coefficient:
        if not isinstance(coefficient, np.ndarray):
            return float(coefficient)
        if coefficient.size % self.images:
            raise UnsupportedLayerError(MIXED)
        rows = coefficient.reshape(self.images, -1)
        if (rows != rows[0]).any():
            raise UnsupportedLayerError("it treats the images of a batch differently")
        return float(rows[0, 0]) if np.ptp(rows[0]) == 0 else rows[0]

    # -- operations on several tensors ---------------------------------------------------------

    def add(self, left: Operand, right: Operand, origin: Any) -> Operand:
        """The sum; a constant broadcasts as in NumPy."""
        if not isinstance(left, Elements):
            if not isinstance(right, Elements):
                return np.add(left, right)
            return right.shifted(left, origin)
        if not isinstance(right, Elements):
            return left.shifted(right, origin)
        if left.matches(right):
            return left.plus(right, origin)
        return self.pair("add", Add(), left, right, origin)

    def multiply(self, left: Operand, right: Operand, origin: Any) -> Operand:
        """The product; a constant broadcasts as in NumPy."""
        if not isinstance(left, Elements):
            if not isinstance(right, Elements):
                return np.multiply(left, right)
            return right.scaled(left, origin)
        if not isinstance(right, Elements):
            return left.scaled(right, origin)
        if left.matches(right):
            return left.times(right, origin)
        return self.pair("multiply", Multiply(), left, right, origin)

    def pair(
        self, kind: str, layer: Layer, left: Elements, right: Elements, origin: Any
    ) -> Elements:
        """A layer of two inputs on tensors, which broadcast each other."""
        shape = np.broadcast_shapes(left.shape, right.shape)
        first, second = (
            x if x.shape == shape else x.moved(lambda a: np.broadcast_to(a, shape), inner(x.origin))
            for x in (left, right)
        )
        start = self.node(first)
        names = [start, self.node(second, self._shapes[start])]
        return self.value(self.emit(kind, layer, names, origin), shape, origin)

    def joined(self, parts: Sequence[Operand], axis: int, origin: Any) -> Operand:
        """The tensors behind one another along an axis."""
        parts = [self._settled(part) for part in parts]
        tensors = [part for part in parts if isinstance(part, Elements)]
        if not tensors:
            return np.concatenate([np.asarray(part) for part in parts], axis)
        bases = list(dict.fromkeys(part.base for part in tensors))
        total: Operand | None = None
        for base in bases:
            # The constants go with the first base; what belongs to another base is 0.
            own = [_as_part(part, base, constants=base == bases[0]) for part in parts]
            found = _concatenated(own, axis, inner(origin) if len(bases) > 1 else origin)
            total = found if total is None else self.add(total, found, origin)
        assert total is not None
        return total

    def chosen(self, mask: Any, first: Operand, second: Operand, origin: Any) -> Operand:
        """``first`` where the constant mask holds, else ``second``; both broadcast to the mask."""
        parts = [
            x.moved(lambda array: np.broadcast_to(array, mask.shape), inner(x.origin))
            if isinstance(x, Elements)
            else np.broadcast_to(x, mask.shape)
            for x in map(self._settled, (first, second))
        ]
        bases = list(dict.fromkeys(x.base for x in parts if isinstance(x, Elements)))
        if len(bases) == 2:
            zeros = np.zeros(mask.shape)
            left = self.chosen(mask, parts[0], zeros, inner(origin))
            right = self.chosen(mask, zeros, parts[1], inner(origin))
            return self.add(left, right, origin)
        if not bases:
            return np.where(mask, np.asarray(parts[0]), np.asarray(parts[1]))
        own, other = (_as_part(part, bases[0], constants=True) for part in parts)
        return _merged(mask, own, other, origin)

    def settled(self, part: Elements) -> Elements:
        """A tensor of degree 1 at most: powers become nodes before their elements move."""
        if len(trimmed(part.coefficients)) > 2:
            return self.value(self.node(part), part.shape, part.origin)
        return part

    def _settled(self, part: Operand) -> Operand:
        return self.settled(part) if isinstance(part, Elements) else part


def _as_part(part: Operand, base: str, *, constants: bool) -> Elements:
    """A part of a joined tensor as a polynomial of `base`; zeros if it belongs to another base."""
    if isinstance(part, Elements) and part.base == base:
        return part
    shape = part.shape
    fill = part if constants and not isinstance(part, Elements) else np.zeros(shape)
    index = np.zeros(shape, dtype=np.int64)
    return Elements(base, index, (fill,), (np.abs(fill),), 0, None)


def _merged(mask: Any, first: Elements, second: Elements, origin: Any) -> Elements:
    def columns(name: str) -> tuple[Coefficient, ...]:
        left, right = getattr(first, name), getattr(second, name)
        count = max(len(left), len(right))
        pairs = zip(
            (*left, *(0.0,) * (count - len(left))), (*right, *(0.0,) * (count - len(right))),
            strict=True,
        )  # fmt: skip
        return tuple(x if _equal(x, y) else np.where(mask, x, y) for x, y in pairs)

    index = np.where(mask, first.index, second.index)
    operations = max(first.operations, second.operations)
    lists = columns("coefficients"), columns("magnitudes")
    return Elements(first.base, index, *lists, operations, origin)


def _equal(first: Coefficient, second: Coefficient) -> bool:
    """Whether both are the same number for all elements."""
    return isinstance(first, float) and isinstance(second, float) and first == second


def _concatenated(parts: Sequence[Elements], axis: int, origin: Any) -> Elements:
    def columns(name: str) -> tuple[Coefficient, ...]:
        found = [getattr(part, name) for part in parts]
        result: list[Coefficient] = []
        for k in range(max(map(len, found))):
            column = [x[k] if k < len(x) else 0.0 for x in found]
            if all(isinstance(x, float) and x == column[0] for x in column):
                result.append(column[0])
                continue
            full = [np.broadcast_to(x, p.shape) for x, p in zip(column, parts, strict=True)]
            result.append(np.concatenate(full, axis))
        return tuple(result)

    index = np.concatenate([part.index for part in parts], axis)
    operations = max(part.operations for part in parts)
    base = parts[0].base
    return Elements(base, index, columns("coefficients"), columns("magnitudes"), operations, origin)


def _by_channel(
    coefficients: Sequence[Coefficient], image: Shape, allowed: bool
) -> FloatArray | None:
    """Coefficients (degree + 1,), or (channels, degree + 1); None if they vary in a channel."""
    if not any(isinstance(x, np.ndarray) for x in coefficients):
        return np.array(coefficients, dtype=np.float64)
    if not allowed:
        return None
    size, channels = int(np.prod(image)), image[0]
    full = np.stack([np.broadcast_to(np.asarray(x), (size,)) for x in coefficients], axis=-1)
    rows = full.reshape(channels, -1, len(coefficients))
    return rows[:, 0] if (rows == rows[:, :1]).all() else None
