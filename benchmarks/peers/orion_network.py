"""A network in Orion (the package `orion-fhe`): `python -m benchmarks.peers.orion_network FILE ..`.

FILE is what `benchmarks.operations.orion_inference` writes: layers of convolutions, squares and
linear maps, images, and the logits that are expected. It runs under a Python that has Orion and
PyTorch, and need not have this library's own packages.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np

LOG_N, LOG_Q, LOG_P, LOG_SCALE = 13, (29, 26, 26, 26, 26, 26), (29, 29), 26
"""Five levels for two squares and three linear maps; 217 bits in all, of 218 that are secure at
N = 8192.
"""


def main() -> int:
    """Measure, print the row; exit status 3 where Orion is not installed, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.orion_network")
    parser.add_argument("file")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    try:
        import orion  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        print(f"not installed: {error}", file=sys.stderr)
        return 3
    with np.load(arguments.file) as file:
        contents = dict(file)
    with contextlib.redirect_stdout(sys.stderr):
        row = measured(contents, arguments.repeats)
    print(json.dumps(row), flush=True)
    return 0


def measured(contents: dict[str, np.ndarray], repeats: int) -> dict[str, object]:
    """The median time of an encrypted image behind one that is not timed, and the largest error."""
    import orion
    import torch

    network = _network(contents)
    network.eval()
    images = torch.tensor(contents["images"], dtype=torch.float32)
    orion.init_scheme(
        {
            "ckks_params": {
                "LogN": LOG_N, "LogQ": list(LOG_Q), "LogP": list(LOG_P), "LogScale": LOG_SCALE,
                "H": 1 << LOG_N, "RingType": "Standard",
            },
            "orion": {
                "margin": 2, "embedding_method": "hybrid", "backend": "lattigo",
                "fuse_modules": True, "debug": False, "io_mode": "none",
            },
        }
    )  # fmt: skip
    # The batch of what it is fitted on is the batch that it packs.
    orion.fit(network, images[:1])
    level = orion.compile(network)
    network.he()
    seconds, error = [], 0.0
    for turn in range(repeats + 1):
        at = turn % len(images)
        encrypted = orion.encrypt(orion.encode(images[at : at + 1], level))
        start = time.perf_counter()
        answer = network(encrypted)
        seconds.append(time.perf_counter() - start)
        logits = answer.decrypt().decode().numpy().reshape(-1)
        error = max(error, float(np.abs(logits - contents["logits"][at]).max()))
    return {
        "library": "Orion",
        "version": metadata.version("orion-fhe"),
        "N": 1 << LOG_N,
        "median_s": statistics.median(seconds[1:]),
        "largest_error": error,
        "ciphertext_bytes": 2 * (level + 1) * 8 << LOG_N,
        "parameters": {
            "q_bits": list(LOG_Q), "p_bits": list(LOG_P), "log_qp": sum(LOG_Q) + sum(LOG_P),
        },
    }  # fmt: skip


def _network(contents: dict[str, np.ndarray]) -> Any:
    import torch
    from orion import nn as layers

    class Layers(layers.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.names = []
            for number, kind in enumerate(contents["kinds"].tolist()):
                self.names.append(f"{kind}{number}")
                setattr(self, self.names[-1], self._made(kind, number))

        def _made(self, kind: str, number: int) -> Any:
            if kind == "square":
                return layers.Quad()
            if kind == "flatten":
                return layers.Flatten()
            weight, bias = (contents[f"{what}{number}"] for what in ("weight", "bias"))
            if kind == "linear":
                made = layers.Linear(weight.shape[1], weight.shape[0])
            else:
                stride, padding = contents[f"places{number}"].tolist()
                made = layers.Conv2d(
                    weight.shape[1],
                    weight.shape[0],
                    weight.shape[2],
                    stride=stride,
                    padding=padding,
                )
            with torch.no_grad():
                made.weight.copy_(torch.tensor(weight))
                made.bias.copy_(torch.tensor(bias))
            return made

        def forward(self, x: Any) -> Any:
            for name in self.names:
                x = getattr(self, name)(x)
            return x

    return Layers()


if __name__ == "__main__":
    sys.exit(main())
