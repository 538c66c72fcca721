"""ONNX models read, checked, converted and compared. Importing this file imports onnx."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator

from he.errors import HEError
from nn.errors import NetworkError, NetworkFileError, UnsupportedLayerError
from nn.frontend.conversion_check import Traced, check_conversion
from nn.frontend.onnx_graph import OnnxGraph
from nn.network.graph import INPUT, Network
from nn.network.layers import Conv2d, FloatArray, Linear, Shape

OLDEST_OPSET = 11
MOST_PRODUCTS = 100_000_000
"""Products of an input up to which the reference implementation checks a conversion."""


def convert_file(
    source: Path | bytes,
    name: str | None,
    input_range: tuple[float, float],
    input_shape: Shape | None,
) -> Network:
    """The network of a file or of its bytes, as `nn.from_onnx` says."""
    what = "these bytes" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            model = _read(source, what)
            return _converted(model, name, input_range, input_shape)
    except (NetworkError, HEError, FileNotFoundError):
        raise
    except Exception as error:  # whatever damaged bytes lead to
        raise NetworkFileError(
            f"{what} cannot be converted ({type(error).__name__}: {_first_line(error)}); is the "
            "file damaged? onnx.checker.check_model tells more"
        ) from error


def _read(source: Path | bytes, what: str) -> onnx.ModelProto:
    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        model = onnx.load_from_string(data)
    except Exception as error:
        raise NetworkFileError(
            f"{what} is no ONNX model, or it is truncated ({type(error).__name__}: "
            f"{_first_line(error)})"
        ) from error
    if not model.graph.node and not model.graph.output:
        raise NetworkFileError(f"{what} is no ONNX model: it has no graph")
    _load_weights(model, source, what)
    opset = max((x.version for x in model.opset_import if x.domain in ("", "ai.onnx")), default=0)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise NetworkFileError(
            f"{what} is of opset {opset}; opsets {OLDEST_OPSET} to {newest} are read: convert it "
            "with onnx.version_converter, or export it again"
        )
    try:
        return inline_local_functions(model) if model.functions else model
    except Exception as error:
        raise NetworkFileError(
            f"{what} has functions that cannot be followed ({_first_line(error)})"
        ) from error


def _load_weights(model: onnx.ModelProto, source: Path | bytes, what: str) -> None:
    """Load weights from the files beside a model; raise `NetworkFileError` if they are missing."""
    outside = [
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    ]
    if not outside:
        return
    if isinstance(source, bytes):
        raise NetworkFileError(
            f"{what} keep {len(outside)} weights ({outside[0]!r}, ..) in another file: pass the "
            "path of the model, with that file beside it"
        )
    try:
        onnx.load_external_data_for_model(model, str(source.parent))
    except Exception as error:
        raise NetworkFileError(
            f"{what} keeps {len(outside)} weights ({outside[0]!r}, ..) in another file, which is "
            f"missing or damaged: {_first_line(error)}"
        ) from error


def _converted(
    model: onnx.ModelProto,
    name: str | None,
    input_range: tuple[float, float],
    input_shape: Shape | None,
) -> Network:
    graph = OnnxGraph(model, input_shape)
    title = name or model.graph.name or "onnx"
    network = Network(title, graph.image, graph.nodes(), input_range, None, graph.answers)
    if _products(network) <= MOST_PRODUCTS:
        _check(model, graph, network)
    return network


def _products(network: Network) -> int:
    """Products of one input in convolutions and linear layers."""
    total = 0
    for node in network.nodes:
        if isinstance(node.layer, Conv2d | Linear):
            places = int(np.prod(network.shapes[node.name][1:]))
            total += node.layer.weight.size * places
    return total


def _check(model: onnx.ModelProto, graph: OnnxGraph, network: Network) -> None:
    """Compare every node with the reference implementation, in the precision of the file."""
    rng = np.random.default_rng(0)
    low, high = network.input_range
    images = rng.uniform(low, high, (graph.images, *network.input_shape))
    feed = images.astype(graph.dtype)
    try:
        found: Mapping[str, Any] = ReferenceEvaluator(_without_norms(model, graph)).run(
            None, {graph.input: feed}, intermediate=True
        )
    except Exception:  # operators that the reference does not compute
        return
    values: dict[str, FloatArray] = {INPUT: feed.astype(np.float64)}
    for node in network.nodes:
        origin = graph.builder.origins[node.name]
        value = found.get(origin) if isinstance(origin, str) else None
        shape = network.shapes[node.name]
        if isinstance(value, np.ndarray) and value.size == graph.images * int(np.prod(shape)):
            values[node.name] = value.astype(np.float64).reshape(-1, *shape)
    ends = [np.asarray(found[end], dtype=np.float64) for end in graph.ends]
    flat = np.concatenate([end.reshape(graph.images, -1) for end in ends], axis=1)
    output = flat.reshape(graph.images, *network.output_shape)
    floats = [x.dtype for x in found.values() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    roundoff = max(float(np.finfo(dtype).eps) / 2 for dtype in floats)
    if not all(np.isfinite(value).all() for value in (*values.values(), output)):
        raise UnsupportedLayerError(
            f"network {network.name!r} has values that are not finite for inputs in {(low, high)}"
        )
    arrangements = graph.builder.arrangements
    # The reference may round in another order than the file's own precision suggests: 4 times.
    check_conversion(network, Traced(values, output, arrangements, 4 * roundoff))


def _without_norms(model: onnx.ModelProto, graph: OnnxGraph) -> onnx.ModelProto:
    """The model with products and sums in place of BatchNormalization.

    Before opset 14 the reference implementation takes statistics of the batch for it.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    for node in model.graph.node:
        norm = graph.norms.get(node.output[0]) if node.output else None
        if norm is None:
            copy.graph.node.append(node)
            continue
        layer, rank = norm
        names = [f"{node.output[0]}:{part}" for part in ("scale", "scaled", "shift")]
        for name, array in ((names[0], layer.scale), (names[2], layer.shift)):
            shaped = array.reshape(-1, *(1,) * (rank - 2)).astype(graph.dtype)
            copy.graph.initializer.append(numpy_helper.from_array(shaped, name))
        copy.graph.node.append(helper.make_node("Mul", [node.input[0], names[0]], [names[1]]))
        copy.graph.node.append(helper.make_node("Add", [names[1], names[2]], [node.output[0]]))
    return copy


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n") or [""])[0][:300]
