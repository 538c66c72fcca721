"""PyTorch models run once, and every operation on tensors written down. It imports torch.

The operations are ATen's: whatever a model is (a module, a scripted or compiled one, an exported
program), and however it calls them, the same few hundred operations arrive here.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch import nn as torch_nn
from torch.fx import traceback
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.parameter import is_lazy

from nn.errors import ConversionError, UnsupportedLayerError
from nn.frontend.torch_layers import PolynomialActivation

_PLACE = "nn_module_stack"
"""The only entry of a node's meta that torch.fx copies from the module that runs."""


@dataclass(frozen=True)
class Place:
    """The innermost module that an operation belongs to.

    path: its qualified name. kind: its class. is_layer: whether it is a layer of `torch.nn`, whose
    operations need no names of their own.
    """

    path: str
    kind: str
    is_layer: bool


@dataclass(frozen=True, eq=False)
class Captured:
    """The operations of a model: an fx graph of ATen operations.

    values: the value of every fx node for the example. roundoff: the unit roundoff of the least
    precise number in it. batch: the images in the example that was used. model: what ran.
    """

    graph: fx.GraphModule
    values: dict[fx.Node, Any]
    roundoff: float
    batch: Tensor
    title: str
    model: Callable[[Tensor], Any]


def place_of(node: fx.Node) -> Place:
    """Where in the model an operation stands."""
    found = node.meta.get(_PLACE, {})
    place = next(reversed(found.values())) if found else None
    if isinstance(place, Place):
        return place
    if isinstance(place, tuple) and len(place) == 2:  # what torch.export notes
        path, kind = map(str, place)
        is_layer = kind.startswith("torch.nn.modules.") and ".container." not in kind
        return Place(path, kind.rpartition(".")[2], is_layer)
    return Place("", "", False)


def capture(model: Any, images: Tensor) -> Captured:
    """The operations of `model` in evaluation mode on float64 `images`.

    Raises `UnsupportedLayerError` or `ConversionError`, as `nn.from_torch` says.
    """
    model = _unwrapped(model)
    title = type(model).__name__
    if isinstance(model, torch.export.ExportedProgram):
        title = "ExportedProgram"
        model = model.module()
    _check_weights_exist(model)
    _check_inputs(model, title)
    original = model
    double = _in_evaluation(_copied(model)).double()
    batches = [images[:2] if len(images) > 1 else images.repeat(2, *(1,) * (images.ndim - 1))]
    batches.append(images)
    problems: list[Exception] = []
    for batch in batches:
        try:
            return _captured(double, batch, title)
        except Exception as error:  # whatever the model's own code raises
            problems.append(error)
    try:  # a model that insists on float32
        return _captured(_in_evaluation(_copied(original)), images.float(), title)
    except Exception:
        raise _explained(problems[-1], title, images) from problems[-1]


def _unwrapped(model: Any) -> Any:
    """The module inside a compiled module or a DataParallel wrapper."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if isinstance(model, torch_nn.DataParallel | torch_nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, torch_nn.Module):
            return model
        model = inner


def _copied(model: torch_nn.Module) -> torch_nn.Module:
    """A copy; weights that the module computes when it runs (pruned ones) are copied as numbers."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo)


def _in_evaluation(model: Any) -> Any:
    with contextlib.suppress(NotImplementedError):  # an exported program has one mode
        model.eval()
    return model


def _check_weights_exist(model: torch_nn.Module) -> None:
    """Raise `UnsupportedLayerError`, with its name, for a layer whose weights do not exist yet."""
    for name, layer in model.named_modules():
        tensors = (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
        reason = ""
        if any(is_lazy(tensor) for tensor in tensors):
            reason = "never ran, so it has no weights: run the module once before you convert it"
        elif any(tensor.is_meta for tensor in tensors):
            reason = "is on the device 'meta', which holds no weights: load the weights first"
        if reason:
            place = f" at {name!r}" if name else ""
            raise UnsupportedLayerError(f"layer {type(layer).__name__}{place} {reason}")


def _check_inputs(model: torch_nn.Module, title: str) -> None:
    """Raise `UnsupportedLayerError` for a model that needs more than one input."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):  # no function of Python
        return
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.kind not in several and p.default is p.empty]
    if len(needed) > 1:
        raise UnsupportedLayerError(
            f"{title}.forward needs the inputs {', '.join(needed)}: a second input is not "
            "supported; join them to one tensor, or fix the others in a module around this one"
        )


def _captured(model: torch_nn.Module, batch: Tensor, title: str) -> Captured:
    def run(x: Tensor) -> Any:
        # Node by node, so that what torch.export noted of the modules goes on to the operations.
        return fx.Interpreter(model).run(x) if isinstance(model, fx.GraphModule) else model(x)

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(batch.clone())  # the model's own errors come from here
        with _noting_places(model, title):
            first = make_fx(run)(batch.clone())
            # Composite operations work in place inside, and show that only once they are written
            # down: so the second pass is the one without changes in place.
            again = fx.Interpreter(first)
            pure = torch.func.functionalize(lambda x: again.run(x), remove="mutations_and_views")
            graph = make_fx(pure)(batch.clone())
        recorder = _Recorder(graph)
        recorder.run(batch.clone())
    used = [v.dtype for v in recorder.found.values() if isinstance(v, Tensor)]
    floats = [torch.finfo(dtype).eps / 2 for dtype in used if dtype.is_floating_point]
    return Captured(graph, recorder.found, max(floats), batch, title, model)


class _Recorder(fx.Interpreter):
    """Runs the operations one by one, and keeps a copy of every value as it was made."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.found: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        kept = result.detach().clone() if isinstance(result, Tensor) else result
        self.found[n] = kept
        return result


@contextlib.contextmanager
def _noting_places(model: torch_nn.Module, title: str) -> Iterator[None]:
    """While it lasts, torch.fx notes with every operation which module runs."""
    names = {id(module): name for name, module in model.named_modules()}
    # A layer that is the whole model still has a name.
    if _is_layer(model):
        names[id(model)] = title.lower()
    stack: list[Place] = []

    def show() -> None:
        places = {str(depth): place for depth, place in enumerate(stack)}
        traceback.current_meta[_PLACE] = places

    def enter(module: torch_nn.Module, inputs: Any) -> None:
        name = names.get(id(module), "")
        stack.append(Place(name, type(module).__name__, _is_layer(module)))
        show()

    def leave(module: torch_nn.Module, inputs: Any, output: Any) -> None:
        if stack:
            stack.pop()
        show()

    before = register_module_forward_pre_hook(enter)
    after = register_module_forward_hook(leave, always_call=True)
    try:
        with traceback.preserve_node_meta():
            yield
    finally:
        before.remove()
        after.remove()


def _is_layer(module: torch_nn.Module) -> bool:
    containers = (torch_nn.Sequential, torch_nn.ModuleList, torch_nn.ModuleDict)
    if isinstance(module, containers) or (next(module.children(), None) is not None):
        return False
    if isinstance(module, PolynomialActivation):
        return True
    bases = [base for base in type(module).__mro__ if base is not torch_nn.Module]
    return any(base.__module__.startswith("torch.nn.modules") for base in bases)


def _explained(error: Exception, title: str, images: Tensor) -> Exception:
    text = f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
    if "get value out of a tracing tensor" in str(error) or "data-dependent" in str(error):
        return ConversionError(
            f"{title}.forward cannot be followed: it branches or loops on the values of tensors, "
            f"which encrypted values do not tell ({text})"
        )
    return ConversionError(f"{title} fails on the example of shape {tuple(images.shape)}: {text}")
