"""ATen operations to the nodes of a network. Importing this file imports torch."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree

from nn.errors import ConversionError, NetworkError, UnsupportedLayerError
from nn.frontend.elements import Elements
from nn.frontend.network_builder import NetworkBuilder
from nn.frontend.refusals import Refusals
from nn.frontend.torch_capture import Captured, place_of
from nn.frontend.torch_hints import HINTS
from nn.frontend.torch_linear import convert
from nn.frontend.torch_operations import Call, is_random
from nn.network.answers import Answer
from nn.network.graph import INPUT, Node
from nn.network.layers import Shape

_FINISHES = {"_softmax": "softmax", "_log_softmax": "log_softmax", "sigmoid": "sigmoid"}
_SAME = ("alias", "detach", "clone", "_to_copy")


class GraphBuilder:
    """Walks one captured graph, and keeps the tensor or constant of each fx node.

    `output` is the last node's name, `ends` are the fx nodes with its value, and `answers` say what
    the client does with it. Raises
    `UnsupportedLayerError`, which lists all operations that have no counterpart, or
    `ConversionError`.
    """

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self._graph = captured.graph.graph
        image: Shape = tuple(captured.batch.shape[1:])
        self.builder = NetworkBuilder(len(captured.batch), image, _name_of)
        self._found: dict[fx.Node, Any] = {}
        self._refusals = Refusals(captured.title, _count_operations(self._graph))
        self._finishes = self._finishing_nodes()
        needed = _leading_to(self._outputs())
        for node in self._graph.nodes:
            if node.op == "placeholder":
                shape = tuple(captured.batch.shape)
                self._found[node] = self.builder.value(INPUT, shape, node)
            elif node.op == "get_attr":
                self._found[node] = captured.values[node]
            elif node in needed and node not in self._finishes:
                self._visit(node)
        try:
            self.answers = self._answers()
        except UnsupportedLayerError as error:
            self._refusals.note("the output", "", 0, str(error))
        self._refusals.check()

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the network, in order, without those that nothing reads."""
        return self.builder.leading_to(self.output)

    # -- operations ----------------------------------------------------------------------------

    def _visit(self, node: fx.Node) -> None:
        sources = node.all_input_nodes
        if not any(_holds_elements(self._found.get(source)) for source in sources):
            # Nothing of it depends on the input, so that it is a constant.
            if is_random(node.target):
                self._refuse(node, "it is random: encrypted answers are not")
            self._found[node] = self._captured.values[node]
            return
        if is_random(node.target):
            self._refuse(
                node, HINTS.get(_operation(node), "it is random: encrypted answers are not")
            )
            return
        call = Call(self.builder, node, self._read(node.args), self._read(node.kwargs),
                    self._captured.values[node])  # fmt: skip
        try:
            self._found[node] = call.item() if node.target is operator.getitem else convert(call)
        except NetworkError as error:
            self._refuse(node, str(error))
        except Exception as error:  # arguments that no converter foresaw
            self._refuse(node, f"its arguments are not foreseen ({type(error).__name__}: {error})")

    def _refuse(self, node: fx.Node, reason: str) -> None:
        """Note the refusal, and go on as if the operation had given a new input."""
        place = place_of(node)
        position = [n for n in self._graph.nodes if n.op == "call_function"].index(node) + 1
        what = f"operation {_operation(node)}"
        if place.is_layer:
            what = f"layer {place.kind}"
        self._refusals.note(what, place.path, position, reason)
        self._found[node] = _pytree.tree_map(self._stand_in, self._captured.values[node])

    def _stand_in(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or value.dtype == torch.bool:
            return value
        images = self.builder.images
        shape = tuple(value.shape)
        if value.numel() == 0 or value.numel() % images:
            return value
        name = self._refusals.stand_in(self.builder, value.numel() // images)
        return self.builder.value(name, shape, None)

    def _read(self, argument: Any) -> Any:
        """An argument of an operation with tensors and constants in place of fx nodes."""
        return fx.node.map_arg(argument, lambda node: self._found[node])

    # -- outputs -------------------------------------------------------------------------------

    def _outputs(self) -> list[fx.Node]:
        (node,) = (n for n in self._graph.nodes if n.op == "output")
        leaves = _pytree.tree_leaves(node.args[0])
        found = [leaf for leaf in leaves if leaf is not None]
        if not found or not all(isinstance(leaf, fx.Node) for leaf in found):
            kind = type(node.args[0]).__name__
            raise ConversionError(f"{self._captured.title} returns {kind}; tensors are needed")
        return found

    def _finishing_nodes(self) -> dict[fx.Node, fx.Node]:
        """Softmaxes and sigmoids at the end, and the nodes behind them: the client's part."""
        found: dict[fx.Node, fx.Node] = {}
        outputs = self._outputs()
        for output in outputs:
            path, node = [output], output
            while _operation(node) in _SAME and isinstance(node.args[0], fx.Node):
                node = node.args[0]
                path.append(node)
            inner = [*path[1:], output]
            private = all(
                user.op == "output" or user in inner for step in path for user in step.users
            )
            if _operation(node) in _FINISHES and private:
                found |= dict.fromkeys(path, node)
        return found

    def _answers(self) -> tuple[Answer, ...]:
        """Emit the output, and say what becomes of it."""
        parts: list[Elements] = []
        answers = []
        self.ends: list[fx.Node] = []
        for output in self._outputs():
            node, finish, axis = self._finishes.get(output, output), "", 1
            if node in self._finishes:
                finish = _FINISHES[_operation(node)]
                source, *rest = node.args
                assert isinstance(source, fx.Node)
                if finish != "sigmoid":
                    axis = operator.index(rest[0]) % self._captured.values[node].dim()  # type: ignore[arg-type]
                node = source
            self.ends.append(node)
            part = self._found[node]
            if not isinstance(part, Elements):
                raise UnsupportedLayerError("an output does not depend on the input")
            if part.shape[:1] != (self.builder.images,) or axis == 0:
                raise UnsupportedLayerError(
                    f"an output has shape {part.shape}; axis 0 must be the batch axis"
                )
            shape = part.shape[1:] or (1,)
            answers.append(Answer(shape, finish, max(axis - 1, 0)))
            parts.append(part)
        self.output = self.builder.output(parts)
        plain = len(answers) == 1 and not answers[0].finish
        return () if plain else tuple(answers)


def _leading_to(outputs: list[fx.Node]) -> set[fx.Node]:
    """The operations whose results an output needs."""
    found: set[fx.Node] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return {node for node in found if node.op == "call_function"}


def _holds_elements(value: Any) -> bool:
    return any(isinstance(leaf, Elements) for leaf in _pytree.tree_leaves(value))


def _count_operations(graph: fx.Graph) -> int:
    return sum(node.op == "call_function" for node in graph.nodes)


def _operation(node: fx.Node) -> str:
    """The operation of a node without its overload."""
    if node.op != "call_function":
        return ""
    schema = getattr(node.target, "_schema", None)
    name = schema.name.split("::")[-1] if schema else getattr(node.target, "__name__", "")
    return str(name)


def _name_of(origin: Any, kind: str) -> str:
    """A layer's own name; else what it does, behind the name of the module that does it."""
    if not isinstance(origin, fx.Node):
        return kind
    place = place_of(origin)
    if place.is_layer and place.path:
        return place.path
    return f"{place.path}.{kind}" if place.path else kind
