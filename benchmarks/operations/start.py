"""`python -m benchmarks start`: a server process, from its start to its first answer and its end.

A client writes plan, network, keys and one encrypted image to files. Each measured process is a
fresh interpreter that reads them, answers, and ends. Kernels are compiled before. Several checkouts
of the project may take turns, each with files of its own client.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nn

ROOT = Path(__file__).resolve().parents[2]
_SERVER = Path(__file__).with_name("answer_one_image.py")
_CLIENT = """
import sys
from pathlib import Path
import nn
folder, name = Path(sys.argv[1]), sys.argv[2]
network = nn.zoo.load(name)
plan = nn.compile(network)
client = nn.Client(plan)
nn.save(network, folder / "network.npz")
(folder / "plan").write_bytes(plan.to_bytes())
(folder / "keys").write_bytes(client.evaluation_keys().to_bytes())
(folder / "secret").write_bytes(client.secret_key_bytes())
(folder / "image").write_bytes(client.encrypt(nn.zoo.test_images(name)[0][:1]).to_bytes())
"""
_DECRYPT = """
import sys
from pathlib import Path
import numpy as np
import nn
folder = Path(sys.argv[1])
client = nn.Client((folder / "plan").read_bytes(), (folder / "secret").read_bytes())
np.save(folder / "logits.npy", client.decrypt((folder / "answer").read_bytes()))
"""


@dataclass
class StartRow:
    """The seconds of one step of one checkout's processes; the step "whole" is all of them."""

    checkout: str
    network: str
    step: str
    minimum_s: float
    median_s: float
    repeats: int

    operation: str = "start"


def run(network: str, repeats: int, against: Sequence[Path]) -> list[StartRow]:
    """Time `repeats` processes of this checkout, and of each of the others, in turns.

    against: folders of other checkouts. Raises `NetworkError` where a process fails, or where a
    decrypted logit is further from the cleartext network's than two ciphertexts may differ.
    """
    trees = [ROOT, *(path.resolve() for path in against)]
    names = ["this checkout", *map(str, against)]
    with tempfile.TemporaryDirectory() as place:
        folders = []
        for number, tree in enumerate(trees):
            folder = Path(place) / str(number)
            folder.mkdir()
            _python(tree, "-c", _CLIENT, str(folder), network)
            _check(tree, folder, network)  # compiles what is not compiled yet
            folders.append(folder)
        laps: list[list[dict[str, float]]] = [[] for _ in trees]
        for _ in range(repeats):
            for tree, folder, found in zip(trees, folders, laps, strict=True):
                found.append(_timed(tree, folder))
    return [
        StartRow(
            name,
            network,
            step,
            min(lap[step] for lap in found),
            statistics.median(lap[step] for lap in found),
            repeats,
        )
        for name, found in zip(names, laps, strict=True)
        for step in found[0]
    ]


def _timed(tree: Path, folder: Path) -> dict[str, float]:
    """The seconds of each step of one process."""
    begin = time.monotonic_ns()
    written = _python(tree, str(_SERVER), str(folder))
    end = time.monotonic_ns()
    seconds = {}
    last = begin
    for step, moment in {**json.loads(written), "exit": end}.items():
        seconds[step] = (moment - last) / 1e9
        last = moment
    return {**seconds, "whole": (end - begin) / 1e9}


def _check(tree: Path, folder: Path, network: str) -> None:
    """Raise `NetworkError` unless a process answers within the plan's predicted error."""
    _python(tree, str(_SERVER), str(folder))
    _python(tree, "-c", _DECRYPT, str(folder))
    image = nn.zoo.test_images(network)[0][:1]
    error = np.abs(np.load(folder / "logits.npy") - nn.zoo.load(network)(image))
    bound = nn.InferencePlan.from_bytes((folder / "plan").read_bytes()).predicted_error
    if not (error <= bound).all():
        raise nn.NetworkError(
            f"a logit of {network!r} is off by {error.max():.3g}: at most {bound.max():.3g} was "
            "predicted"
        )


def _python(tree: Path, *words: str) -> str:
    """Standard output of a fresh interpreter that imports the project from `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    # As usual, an interpreter finds the project compiled.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    finished = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, cwd=tree
    )
    if finished.returncode:
        last = finished.stderr.strip().rpartition("\n")[2]
        raise nn.NetworkError(f"a process of {tree} failed: {last}")
    return finished.stdout
