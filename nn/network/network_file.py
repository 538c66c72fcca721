"""Networks as files: an ``.npz`` archive of plain arrays, without pickle.

The member ``network`` is JSON (UTF-8 bytes as uint8): the format, its version, the network's name,
input shape and input range, its answers if it has any, and the name, layer type, inputs and plain
fields of each node. The arrays are the members ``nodes/<index>/<field>`` and
``statistics/<index>/<kind>``; statistics 0 belong to the input and statistics k + 1 to node k. The
growth of errors is the kinds ``gains`` ``(2, answers)`` and ``carried`` ``(1,)``; files of older
versions have none. An array is stored in float32 where that loses nothing, else in float64. No
image is stored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from he.errors import HEError
from he.format.archive import ArchiveError, read_arrays
from he.format.files import replaced_file
from he.validation import instance, wrong_object
from nn.errors import NetworkError, NetworkFileError
from nn.network.activation import Chebyshev, Polynomial
from nn.network.answers import read_answers
from nn.network.error_growth import ErrorGrowth
from nn.network.graph import Network, Node, NodeStatistics
from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, FloatArray, Layer, Linear
from nn.network.linear_map import LinearMap, Reshape
from nn.network.nonlinear import MaxPool2d, ScalarFunction
from nn.network.two_inputs import Maximum, Multiply

FORMAT = "he-accel network"
VERSION = 1

_LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Add,
        AvgPool2d,
        BatchNorm,
        Chebyshev,
        Conv2d,
        Flatten,
        Linear,
        LinearMap,
        Maximum,
        MaxPool2d,
        Multiply,
        Polynomial,
        Reshape,
        ScalarFunction,
    )
}


def save(network: Network, path: str | Path) -> None:
    """Write `network` to the file `path`, exactly. Equal networks give equal bytes.

    Raises `NetworkFileError` for a layer type that the format does not know, `he.WrongObjectError`
    for an object that is no network or no path.
    """
    instance(network, Network, "network")
    path = path_of(path)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    nodes = []
    for index, node in enumerate(network.nodes):
        plain: dict[str, Any] = {}
        for field in fields(node.layer):
            value = getattr(node.layer, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"nodes/{index}/{field.name}"] = _smallest_exact(value)
            else:
                plain[field.name] = dict(value) if isinstance(value, Mapping) else value
        kind = type(node.layer).__name__
        if kind not in _LAYERS:
            raise NetworkFileError(
                f"node {node.name!r} is a {kind}, which the file format does not know; it knows "
                f"{', '.join(_LAYERS)}"
            )
        nodes.append(
            {"name": node.name, "layer": kind, "inputs": list(node.inputs), "fields": plain}
        )
    for index, name in enumerate(network.shapes):
        if network.statistics is not None:
            statistics = network.statistics[name]
            arrays[f"statistics/{index}/max_abs"] = _smallest_exact(statistics.max_abs)
            arrays[f"statistics/{index}/rms"] = _smallest_exact(statistics.rms)
            growth = statistics.growth
            if growth is not None:
                arrays[f"statistics/{index}/gains"] = _smallest_exact(growth.gains)
                arrays[f"statistics/{index}/carried"] = np.array([growth.carried])
    header = {
        "format": FORMAT,
        "version": VERSION,
        "name": network.name,
        "input_shape": list(network.input_shape),
        "input_range": list(network.input_range),
        "nodes": nodes,
        "statistics": network.statistics is not None,
    }
    if network.answers:
        header["answers"] = [answer.item for answer in network.answers]
    arrays["network"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with replaced_file(path, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load(path: str | Path) -> Network:
    """Read a network that `save` wrote.

    Raises `NetworkFileError` for foreign, damaged or newer files, `FileNotFoundError` for none, and
    `he.WrongObjectError` for an object that is no path.
    """
    path = path_of(path)
    arrays = _read_arrays(path)
    try:
        header = json.loads(arrays["network"].tobytes())
        _check_header(header, path)
        nodes = tuple(
            Node(entry["name"], _layer(entry, index, arrays), tuple(entry["inputs"]))
            for index, entry in enumerate(header["nodes"])
        )
        statistics = None
        if header["statistics"]:
            names = ["input", *(node.name for node in nodes)]
            statistics = {
                name: _statistics(arrays, f"statistics/{index}/")
                for index, name in enumerate(names)
            }
        low, high = header["input_range"]
        answers = read_answers(header.get("answers", []))
        given = tuple(header["input_shape"]), nodes, (low, high), statistics, answers
        return Network(header["name"], *given)
    except NetworkFileError:
        raise
    except (
        NetworkError,
        HEError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise NetworkFileError(
            f"{path} is no usable network file ({type(error).__name__}: {error}); save the network "
            "again with nn.save"
        ) from error


def path_of(given: object) -> Path:
    """A path as a `Path`; raises `he.WrongObjectError` for anything but a str or a path."""
    if isinstance(given, str | os.PathLike):
        path = os.fspath(given)
        if isinstance(path, str):
            return Path(path)
    raise wrong_object(given, "a str or a path", "path")


def _smallest_exact(array: FloatArray) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    return single if np.array_equal(single, array) else array


def _read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        # The archive's own CRC-32 of each member reveals altered bytes.
        return read_arrays(path)
    except FileNotFoundError:
        raise
    except (OSError, ArchiveError) as error:
        raise NetworkFileError(
            f"{path} is not a network file, or it is truncated or altered ({error}); a file "
            "written by nn.save is needed"
        ) from error


def _check_header(header: Any, path: str | Path) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise NetworkFileError(f"{path} is not marked as a {FORMAT!r} file")
    if header.get("version") != VERSION:
        raise NetworkFileError(
            f"{path} has format version {header.get('version')!r}; this release reads {VERSION}"
        )


def _statistics(arrays: dict[str, np.ndarray[Any, Any]], place: str) -> NodeStatistics:
    growth = None
    if f"{place}gains" in arrays:
        (carried,) = arrays[f"{place}carried"].tolist()
        growth = ErrorGrowth(arrays[f"{place}gains"], carried)
    return NodeStatistics(arrays[f"{place}max_abs"], arrays[f"{place}rms"], growth)


def _layer(entry: dict[str, Any], index: int, arrays: dict[str, np.ndarray[Any, Any]]) -> Layer:
    kind = entry["layer"]
    if kind not in _LAYERS:
        raise NetworkFileError(
            f"node {entry['name']!r} is a {kind!r}; known are {', '.join(_LAYERS)}"
        )
    prefix = f"nodes/{index}/"
    stored = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
    return _LAYERS[kind](**entry["fields"], **stored)
