"""ONNX graphs to the nodes of a network. Importing this file imports onnx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from nn.errors import (
    LayerParameterError,
    NetworkError,
    NetworkFileError,
    ShapeError,
    UnsupportedLayerError,
)
from nn.frontend.elements import Elements
from nn.frontend.network_builder import NetworkBuilder
from nn.frontend.onnx_linear import convert
from nn.frontend.onnx_operators import Operator
from nn.frontend.refusals import Refusals
from nn.network.answers import Answer
from nn.network.graph import INPUT, Node
from nn.network.layers import BatchNorm, Shape

_FINISHES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
_FLOATS = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
    onnx.TensorProto.FLOAT16: np.float16,
}
_FLOWS = ("If", "Loop", "Scan", "SequenceMap")
_IMAGES = 2
"""Images that stand for a batch of an open length."""


class OnnxGraph:
    """Walks one graph, and keeps the tensor or constant of each name.

    input: the name of the input. image: its shape without the batch axis. images: the batch. ends:
    the names of the tensors that the network ends with; `answers` say what the client does with
    them. Raises `UnsupportedLayerError`, which lists all operators that have no counterpart.
    """

    def __init__(self, model: onnx.ModelProto, input_shape: Shape | None) -> None:
        graph = model.graph
        self._model, self._graph = model, graph
        versions = {x.domain: x.version for x in model.opset_import}
        self._opset = int(versions.get("", versions.get("ai.onnx", 0)))
        title = graph.name or "the model"
        self._found: dict[str, Any] = {tensor.name: _array(tensor) for tensor in graph.initializer}
        self._read_input(title, input_shape)
        self._refusals = Refusals(title, len(graph.node))
        self._positions = {
            output: k for k, node in enumerate(graph.node) for output in node.output if output
        }
        self.builder = NetworkBuilder(self.images, self.image, self._name_of)
        self._found[self.input] = self.builder.value(INPUT, (self.images, *self.image), self.input)
        self._finishes = self._finishing_nodes()
        needed = self._needed()
        for position, node in enumerate(graph.node):
            if position in needed and position not in self._finishes.values():
                self._visit(position, node)
        self.ends: list[str] = []
        try:
            self.answers = self._answers()
        except UnsupportedLayerError as error:
            self._refusals.note("the output", "", 0, str(error))
        self._refusals.check()

    @property
    def norms(self) -> dict[str, tuple[BatchNorm, int]]:
        """The layer and the rank of the input of each BatchNormalization, by its output's name."""
        ranks = {name: len(x.shape) for name, x in self._found.items() if isinstance(x, Elements)}
        return {
            self.builder.origins[node.name]: (node.layer, ranks[self.builder.origins[node.name]])
            for node in self.builder.nodes.values()
            if isinstance(node.layer, BatchNorm) and self.builder.origins[node.name] in ranks
        }

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the network, in order, without those that nothing reads."""
        return self.builder.leading_to(self.output)

    # -- inputs --------------------------------------------------------------------------------

    def _read_input(self, title: str, input_shape: Shape | None) -> None:
        inputs = [x for x in self._graph.input if x.name not in self._found]
        if len(inputs) != 1:
            names = ", ".join(repr(x.name) for x in inputs) or "none"
            raise UnsupportedLayerError(
                f"{title} has {len(inputs)} inputs ({names}); a network has one: fix the others as "
                "initializers, or join them"
            )
        (given,) = inputs
        kind = given.type.tensor_type
        if kind.elem_type not in _FLOATS:
            raise UnsupportedLayerError(
                f"the input {given.name!r} of {title} is no tensor of float32, float64 or float16"
            )
        dims = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
        if len(dims) < 2 and input_shape is None:
            raise ShapeError(
                f"the input {given.name!r} of {title} has the shape {dims}; a batch axis and "
                "another one are needed"
            )
        if input_shape is not None:
            dims = [dims[0] if dims else None, *input_shape]
        open_axes = [axis for axis, length in enumerate(dims[1:], 1) if length is None]
        if open_axes:
            raise ShapeError(
                f"the input {given.name!r} of {title} leaves the lengths of the axes {open_axes} "
                "open: pass input_shape=(C, H, W)"
            )
        self.input, self.dtype = given.name, _FLOATS[kind.elem_type]
        self.images = dims[0] or _IMAGES
        self.image: Shape = tuple(int(length or 1) for length in dims[1:])
        if int(np.prod(self.image, dtype=object)) > 1 << 24:
            raise ShapeError(f"the input {given.name!r} of {title} has the shape {self.image}")

    # -- operators -----------------------------------------------------------------------------

    def _visit(self, position: int, node: onnx.NodeProto) -> None:
        try:
            results = self._results(node)
        except NetworkError as error:
            self._refuse(position, node, str(error))
            return
        except Exception as error:  # inputs that no converter foresaw
            reason = f"its inputs are not foreseen ({type(error).__name__}: {error})"
            self._refuse(position, node, reason)
            return
        for name, value in zip(node.output, results, strict=False):
            if name:
                self._found[name] = value

    def _results(self, node: onnx.NodeProto) -> Sequence[Any]:
        if node.op_type in _FLOWS:
            raise UnsupportedLayerError("control flow on encrypted values is not possible")
        if node.domain not in ("", "ai.onnx"):
            raise UnsupportedLayerError(
                f"a custom operator of the domain {node.domain!r}: only ONNX's own are read"
            )
        inputs = [self._found[name] if name else None for name in node.input]
        operator = Operator(self.builder, node, inputs, self._opset)
        if not any(isinstance(value, Elements) for value in inputs):
            return operator.constants()
        return convert(operator)

    def _refuse(self, position: int, node: onnx.NodeProto, reason: str) -> None:
        """Note the refusal, and go on as if the operator had given a new input."""
        self._refusals.note(f"operator {node.op_type}", _title(node), position + 1, reason)
        size = self.builder.size(INPUT)
        shape = (self.images, *self.image)
        for value in (self._found.get(name) for name in node.input):
            if isinstance(value, Elements) and value.index.size % self.images == 0:
                size, shape = value.index.size // self.images, value.shape
                break
        stand_in = self.builder.value(self._refusals.stand_in(self.builder, size), shape, None)
        self._found |= {name: stand_in for name in node.output if name}

    def _name_of(self, origin: Any, kind: str) -> str:
        position = self._positions.get(origin) if isinstance(origin, str) else None
        if position is None:
            return kind
        title = self._graph.node[position].name.strip("/")
        return title or f"{self._graph.node[position].op_type}_{position}"

    # -- outputs -------------------------------------------------------------------------------

    def _needed(self) -> set[int]:
        """The positions of the nodes that an output needs."""
        found: set[int] = set()
        waiting = [output.name for output in self._graph.output]
        while waiting:
            position = self._positions.get(waiting.pop())
            if position is not None and position not in found:
                found.add(position)
                waiting += self._graph.node[position].input
        return found

    def _readers(self, name: str) -> int:
        read = [source for node in self._graph.node for source in node.input]
        return read.count(name) + [output.name for output in self._graph.output].count(name)

    def _finishing_nodes(self) -> dict[str, int]:
        """For outputs that end in a softmax or sigmoid, the position of the node."""
        found = {}
        for output in self._graph.output:
            position = self._positions.get(output.name)
            if position is not None and self._readers(output.name) == 1:
                node = self._graph.node[position]
                if node.op_type in _FINISHES and not node.domain and node.input:
                    found[output.name] = position
        return found

    def _answers(self) -> tuple[Answer, ...]:
        """Emit the output, and say what becomes of it."""
        answers, parts = [], []
        for output in self._graph.output:
            name, finish, axis = output.name, "", -1
            if name in self._finishes:
                node = self._graph.node[self._finishes[name]]
                name, finish = node.input[0], _FINISHES[node.op_type]
                usual = 1 if self._opset < 13 else -1
                axis = next((int(a.i) for a in node.attribute if a.name == "axis"), usual)
            part = self._found.get(name)
            if not isinstance(part, Elements):
                raise UnsupportedLayerError(f"{name!r} does not depend on the input")
            if part.shape[:1] != (self.images,):
                raise UnsupportedLayerError(
                    f"{name!r} has the shape {part.shape}; axis 0 must be the batch axis"
                )
            rank = len(part.shape)
            place = axis % rank
            coerced = self._opset < 13 and place != rank - 1
            if finish not in ("", "sigmoid") and (place == 0 or coerced):
                raise UnsupportedLayerError(f"a softmax along axis {axis} of {part.shape}")
            answers.append(Answer(part.shape[1:] or (1,), finish, max(place - 1, 0)))
            parts.append(part)
            self.ends.append(name)
        if not parts:
            raise UnsupportedLayerError("there is none")
        self.output = self.builder.output(parts)
        plain = len(answers) == 1 and not answers[0].finish
        return () if plain else tuple(answers)


def _title(node: onnx.NodeProto) -> str:
    return str(node.name or (node.output[0] if node.output else ""))


def _array(tensor: onnx.TensorProto) -> Any:
    """A weight; raises `NetworkFileError` for damaged ones, `LayerParameterError` for NaN."""
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:
        raise NetworkFileError(
            f"the weight {tensor.name!r} cannot be read ({type(error).__name__}: {error})"
        ) from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        # An infinite bound of a Clip is none.
        if np.isnan(array).any() or array.ndim > 0:
            raise LayerParameterError(
                f"the weight {tensor.name!r} holds {count} NaN or infinite values of {array.size}; "
                "all must be finite: did the training diverge?"
            )
    return array
