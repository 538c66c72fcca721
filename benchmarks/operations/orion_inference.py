"""A network of the zoo in Orion, in a process of its own: the same network, to rounding."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import nn
from benchmarks.operations.inference import InferenceRow
from benchmarks.operations.peer_process import measured_rows
from nn.network.activation import Polynomial
from nn.network.layers import Conv2d, Flatten, Linear

_IMAGES = 8


def run_orion(
    name: str, repeats: int, python: str | None = None
) -> tuple[InferenceRow | None, str]:
    """The row of one thread, or the reason why there is none.

    python: the interpreter that has Orion and PyTorch, by default this one. Raises `NetworkError`
    for a network that is no chain of convolutions, squares and linear maps.
    """
    network, images = nn.zoo.load(name), nn.zoo.test_images(name)[0][:_IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.npz"
        arrays: dict[str, Any] = {"images": images, "logits": network(images), **squared(network)}
        np.savez(file, **arrays)
        words = [python or sys.executable, "-m", "benchmarks.peers.orion_network", str(file)]
        rows, reason = measured_rows([*words, "--repeats", str(repeats)], {"GOMAXPROCS": "1"})
    if not rows:
        return None, reason or "it printed no row"
    (row,) = rows
    parameters = {**row["parameters"], "largest_error": row["largest_error"]}
    return InferenceRow(
        library=row["library"],
        version=row["version"],
        network=name,
        N=row["N"],
        threads=1,
        batch=1,
        median_s=row["median_s"],
        repeats=repeats,
        evaluation_key_bytes=None,
        ciphertext_bytes=row["ciphertext_bytes"],
        parameters=parameters,
    ), ""


def squared(network: nn.Network) -> dict[str, np.ndarray]:
    """The arrays that `benchmarks.peers.orion_network` reads, with a square for every activation.

    a x^2 + b x + c = a (x + b / (2 a))^2 + c - b^2 / (4 a): what is beside the square goes into the
    linear maps before and behind it. Raises `NetworkError` for other layers, and polynomials of
    another degree.
    """
    kinds: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    last = -1  # the linear map before
    factors, constants = np.ones(1), np.zeros(1)  # of the square before, one a channel
    for node in network.nodes:
        layer = node.layer
        if isinstance(layer, Polynomial) and _is_square(layer):
            c, b, a = layer.coefficients.T
            arrays[f"bias{last}"] = arrays[f"bias{last}"] + b / (2 * a)
            factors, constants = a, c - b**2 / (4 * a)
            kinds.append("square")
        elif isinstance(layer, Conv2d) and not kinds and layer.groups == 1:
            last = len(kinds)
            arrays |= {f"weight{last}": layer.weight, f"bias{last}": layer.bias}
            arrays[f"places{last}"] = np.array([layer.stride[0], layer.padding[0]])
            kinds.append("conv")
        elif isinstance(layer, Linear):
            each = layer.weight.shape[1] // factors.size
            last = len(kinds)
            arrays[f"weight{last}"] = layer.weight * np.repeat(factors, each)
            arrays[f"bias{last}"] = layer.bias + layer.weight @ np.repeat(constants, each)
            factors, constants = np.ones(1), np.zeros(1)
            kinds.append("linear")
        elif isinstance(layer, Flatten):
            kinds.append("flatten")
        else:
            raise nn.NetworkError(
                f"{node.name!r} of network {network.name!r} is a {type(layer).__name__}: Orion is "
                f"measured on a convolution, squares and linear maps"
            )
    return {"kinds": np.array(kinds), **arrays}


def _is_square(layer: Polynomial) -> bool:
    coefficients = layer.coefficients
    return coefficients.shape[1] == 3 and bool((coefficients[:, 2] != 0).all())
