"""A network as data: named layers in topological order, with their cleartext meaning."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he.errors import HEError
from he.validation import instance, items_of, real_number, shown, whole_number
from nn.errors import (
    GraphError,
    InputRangeError,
    LayerParameterError,
    NetworkError,
    ShapeError,
)
from nn.network.answers import Answer, check_answers, finished
from nn.network.error_growth import ErrorGrowth, GrowthObserver
from nn.network.images import as_batch
from nn.network.layers import FloatArray, Layer, Shape, freeze_array
from nn.network.linear_map import MOST_AXES
from ntt.terminal import printable

INPUT = "input"
"""The reserved name of the network's input."""

_CHUNK = 256  # images per pass: bounds the memory that a convolution's windows take


@dataclass(frozen=True, eq=False)
class Node:
    """A layer, its name, and the names of the nodes (or "input") that it reads."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise GraphError(f"a node's name is {self.name!r}; a non-empty string is needed")
        if not isinstance(self.layer, Layer):
            raise GraphError(f"node {self.name!r} holds {self.layer!r}; a layer of nn is needed")
        inputs: object = self.inputs
        if not isinstance(inputs, (tuple, list)):
            raise GraphError(
                f"node {self.name!r} has inputs {inputs!r}; a tuple of names is needed"
            )
        object.__setattr__(self, "inputs", tuple(inputs))
        if len(self.inputs) != self.layer.arity:
            raise GraphError(
                f"node {self.name!r}: {type(self.layer).__name__} takes {self.layer.arity} "
                f"inputs, got {list(self.inputs)}"
            )


@dataclass(frozen=True, eq=False)
class NodeStatistics:
    """The size of a node's output over a set of images.

    ``max_abs`` is the largest absolute value and ``rms`` the root mean square over the images,
    both of the node's output shape. ``growth`` says how large errors become there; None if that is
    unknown.
    """

    max_abs: FloatArray
    rms: FloatArray
    growth: ErrorGrowth | None = None

    def __post_init__(self) -> None:
        for name in ("max_abs", "rms"):
            ranks = tuple(range(1, MOST_AXES + 1))
            array = freeze_array(getattr(self, name), f"statistics {name}", ranks)
            object.__setattr__(self, name, array)
        if self.growth is not None:
            instance(self.growth, ErrorGrowth, "the growth of statistics")


@dataclass(frozen=True, eq=False)
class Network:
    """A feed-forward network on inputs of shape `input_shape` within `input_range`.

    `nodes` stand in topological order and the last one is the output. A node's output is called a
    value and has the node's name; the network's input is the value "input". `statistics`, if
    known, describe every value (see `calibrated`). `answers` say what a client does with the
    network's output (see `finished`). Everything is validated at construction, with a
    `GraphError` for names or a `ShapeError` for shapes that names the node.
    """

    name: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    statistics: Mapping[str, NodeStatistics] | None = None
    answers: tuple[Answer, ...] = ()
    shapes: Mapping[str, Shape] = field(init=False, repr=False)
    """Shape of each value without the batch axis, in topological order from "input"."""

    def __post_init__(self) -> None:
        instance(self.name, str, "the name of a network")
        shape = _checked_shape(self.input_shape)
        nodes = tuple(items_of(self.nodes, "the nodes of a network"))
        for node in nodes:
            instance(node, Node, "a node of a network")
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "input_range", _checked_range(self.input_range))
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "shapes", MappingProxyType(_infer_shapes(shape, nodes)))
        answers = check_answers(self.answers, math.prod(self.output_shape))
        object.__setattr__(self, "answers", answers)
        if self.statistics is not None:
            statistics = dict(instance(self.statistics, Mapping, "statistics"))
            _check_statistics(statistics, self.shapes)
            object.__setattr__(self, "statistics", MappingProxyType(statistics))

    def __reduce__(self) -> tuple[object, ...]:
        statistics = None if self.statistics is None else dict(self.statistics)
        given = self.name, self.input_shape, self.nodes, self.input_range, statistics, self.answers
        return type(self), given

    # -- structure ---------------------------------------------------------------------------

    @property
    def output(self) -> Node:
        """The last node, whose value the network returns."""
        return self.nodes[-1]

    @property
    def output_shape(self) -> Shape:
        """Shape of one answer, ``(classes,)`` for a classifier."""
        return self.shapes[self.output.name]

    @property
    def knows_growth(self) -> bool:
        """Whether there are statistics with the growth of errors at every value."""
        known = self.statistics
        return known is not None and all(found.growth is not None for found in known.values())

    def node(self, name: str) -> Node:
        """The node called `name`; raises `GraphError` if there is none."""
        instance(name, str, "the name of a node")
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise GraphError(f"network {self.name!r} has no node {name!r}; it has {known}")

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read the value `name`, in topological order.

        Raises `GraphError` if there is no such value.
        """
        if instance(name, str, "the name of a value") not in self.shapes:
            raise GraphError(f"network {self.name!r} has no value {name!r}")
        return tuple(node for node in self.nodes if name in node.inputs)

    # -- meaning -----------------------------------------------------------------------------

    def __call__(self, images: ArrayLike) -> FloatArray:
        """The outputs for a batch: ``(B, *input_shape) -> (B, *output_shape)``, float64.

        Raises `ShapeError` for images without the batch axis or of another shape, `InputRangeError`
        for NaN or infinite values. `check_range` checks the input range; this does not.
        """
        batch = self._check_batch(images)
        outputs = [self._evaluate(chunk)[self.output.name] for chunk in _chunks(batch)]
        return np.concatenate(outputs)

    def finished(self, logits: ArrayLike) -> FloatArray | tuple[FloatArray, ...]:
        """What the original model returns, from this network's outputs: `nn.network.answers`."""
        return finished(self.answers, logits)

    def values(self, images: ArrayLike) -> dict[str, FloatArray]:
        """Every value for a batch, by name and in topological order, "input" included."""
        return self._evaluate(self._check_batch(images))

    def check_range(self, images: ArrayLike) -> FloatArray:
        """The batch as float64.

        Raises `ShapeError` for another shape, `InputRangeError` for values that are not finite or
        lie outside the input range.
        """
        batch = self._check_batch(images)
        low, high = self.input_range
        smallest, largest = float(batch.min()), float(batch.max())
        if smallest < low or largest > high:
            raise InputRangeError(
                f"network {self.name!r} takes values in [{low}, {high}], got "
                f"[{smallest}, {largest}]; scale the images (pixels / 255?)"
            )
        return batch

    def _check_batch(self, images: ArrayLike) -> FloatArray:
        batch = as_batch(images, self.input_shape, f"network {self.name!r}")
        finite = np.isfinite(batch)
        if not finite.all():
            bad = np.unique(np.nonzero(~finite)[0])
            raise InputRangeError(
                f"images {bad[:8].tolist()} hold NaN or infinite values ({(~finite).sum()} in all)"
            )
        return batch

    def _evaluate(self, batch: FloatArray) -> dict[str, FloatArray]:
        values = {INPUT: batch}
        for node in self.nodes:
            values[node.name] = node.layer.forward(*(values[name] for name in node.inputs))
        return values

    # -- derived networks --------------------------------------------------------------------

    def calibrated(self, images: ArrayLike) -> Network:
        """This network with `statistics` of every value, "input" included, over `images`.

        The statistics are maxima and means over all images; no image is kept. They include the
        growth of errors, where it is finite. The keys are the names of this graph;
        `nn.fold_batch_norms` carries the statistics over to the values that remain. Raises what a
        call of the network raises.
        """
        batch = self._check_batch(images)
        max_abs = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        energy = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        observer = GrowthObserver(self.nodes, math.prod(self.output_shape))
        for chunk in _chunks(batch):
            values = self._evaluate(chunk)
            observer.add(values)
            for name, value in values.items():
                np.maximum(max_abs[name], np.abs(value).max(axis=0), out=max_abs[name])
                energy[name] += np.square(value).sum(axis=0)
        growth: Mapping[str, ErrorGrowth] = {}
        with contextlib.suppress(LayerParameterError):
            growth = observer.found()
        statistics = {
            name: NodeStatistics(
                max_abs[name], np.sqrt(energy[name] / len(batch)), growth.get(name)
            )
            for name in self.shapes
        }
        return replace(self, statistics=statistics)

    # -- identity and tables -----------------------------------------------------------------

    def fingerprint(self) -> bytes:
        """16 bytes that tell this network, its weights included, from any other."""
        digest = hashlib.blake2b(digest_size=16)
        for node in self.nodes:
            digest.update(repr((node.name, type(node.layer).__name__, node.inputs)).encode())
            for item in fields(node.layer):
                value = getattr(node.layer, item.name)
                digest.update(item.name.encode())
                is_array = isinstance(value, np.ndarray)
                digest.update(value.tobytes() if is_array else repr(value).encode())
        return digest.digest()

    def summary(self) -> str:
        """A table of the nodes: name, layer, inputs, output shape, parameters."""
        rows = [("name", "layer", "reads", "output", "parameters")]
        rows.append((INPUT, "", "", _shape_text(self.input_shape), ""))
        for node in self.nodes:
            count = node.layer.parameter_count
            rows.append(
                (
                    printable(node.name),
                    type(node.layer).__name__,
                    printable(", ".join(node.inputs)),
                    _shape_text(self.shapes[node.name]),
                    f"{count:,}" if count else "",
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if index == len(row) - 1 else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        total = sum(node.layer.parameter_count for node in self.nodes)
        low, high = self.input_range
        title = f"{printable(self.name)}: {total:,} parameters, input in [{low:g}, {high:g}]"
        return "\n".join([title, lines[0], "-" * len(lines[0]), *lines[1:]])


def _checked_shape(given: object) -> Shape:
    """The shape of an input; raises `ShapeError` for any but one to eight lengths."""
    try:
        shape = tuple(whole_number(x, "a length", 1) for x in items_of(given, "input_shape"))
    except HEError:
        shape = ()
    if not 1 <= len(shape) <= MOST_AXES:
        raise ShapeError(
            f"input_shape is {_shown(given)}; lengths such as (C, H, W) or (F,) are needed"
        )
    return shape


def _shown(given: object) -> str:
    return repr(given) if isinstance(given, tuple | list) else shown(given)


def _checked_range(given: object) -> tuple[float, float]:
    """The range of an input; raises `InputRangeError` for any but finite low < high."""
    try:
        low, high = (real_number(x, "a bound") for x in items_of(given, "input_range"))
    except (HEError, ValueError):
        low = high = 0.0
    if not low < high:
        raise InputRangeError(f"input_range is {_shown(given)}; finite low < high is needed")
    return low, high


def _chunks(batch: FloatArray) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(batch), _CHUNK):
        yield batch[start : start + _CHUNK]


def _shape_text(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _infer_shapes(input_shape: Shape, nodes: tuple[Node, ...]) -> dict[str, Shape]:
    if not nodes:
        raise GraphError("a network needs at least one node")
    shapes: dict[str, Shape] = {INPUT: input_shape}
    for position, node in enumerate(nodes):
        where = f"node {node.name!r} (number {position + 1} of {len(nodes)})"
        if node.name in shapes:
            raise GraphError(f"{where}: the name is taken; names must be unique and not {INPUT!r}")
        for name in node.inputs:
            if name not in shapes:
                raise GraphError(
                    f"{where} reads {name!r}, which no earlier node computes; known so far: "
                    f"{', '.join(shapes)}"
                )
        try:
            shapes[node.name] = node.layer.output_shape(*(shapes[name] for name in node.inputs))
        except NetworkError as error:
            raise type(error)(f"{where}: {error}") from error
    read = {name for node in nodes for name in node.inputs}
    for node in nodes[:-1]:
        if node.name not in read:
            raise GraphError(
                f"node {node.name!r} is read by no node and is not the output (the last node, "
                f"{nodes[-1].name!r}); remove it"
            )
    return shapes


def _check_statistics(statistics: dict[str, NodeStatistics], shapes: Mapping[str, Shape]) -> None:
    if set(statistics) != set(shapes):
        odd = sorted(map(str, set(statistics) ^ set(shapes)))
        raise GraphError(f"statistics and values differ in {odd}; use network.calibrated(images)")
    for name, shape in shapes.items():
        instance(statistics[name], NodeStatistics, f"the statistics of {name!r}")
        for kind, array in (("max_abs", statistics[name].max_abs), ("rms", statistics[name].rms)):
            if array.shape != shape:
                raise ShapeError(
                    f"statistics {kind} of {name!r} have shape {array.shape}; {shape} is needed"
                )
        growth, answers = statistics[name].growth, math.prod(list(shapes.values())[-1])
        if growth is not None and growth.gains.shape[1] != answers:
            raise ShapeError(
                f"statistics of {name!r} have gains for {growth.gains.shape[1]} answers; "
                f"{answers} are needed"
            )
