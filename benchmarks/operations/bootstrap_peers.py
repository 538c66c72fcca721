"""Bootstraps of other libraries, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ntt.terminal import say

PEERS = {
    "lattigo": "Lattigo",
    "openfhe": "OpenFHE",
    "desilo": "desilofhe",
    "fhelium": "fhelium",
}
"""The files of `benchmarks.peers.bootstrap`, and the libraries."""

_ROOT = Path(__file__).resolve().parents[2]
_NOT_INSTALLED = 3


def run_peers(
    names: Iterable[str] = tuple(PEERS),
    *,
    pythons: Mapping[str, str] | None = None,
    thread_counts: Sequence[int] = (1, 2),
    repeats: int = 1,
    report: Callable[[dict[str, Any]], None] = lambda row: None,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of the libraries that are installed, and why there are none of others.

    names: of `PEERS`. pythons: the interpreter of a library, by name; default this one. repeats:
    bootstraps that are timed on each number of threads.
    """
    rows, missing = [], {}
    for name in names:
        for count in thread_counts:
            python = (pythons or {}).get(name, sys.executable)
            row = _measured(python, name, count, repeats)
            if isinstance(row, str):
                missing[PEERS[name]] = row
                break
            report(row)
            rows.append(row)
    return rows, missing


def _measured(python: str, name: str, threads: int, repeats: int) -> dict[str, Any] | str:
    """A row, or a sentence that says why there is none."""
    words = [python, "-m", "benchmarks.peers.bootstrap", name]
    words += ["--threads", str(threads), "--repeats", str(repeats)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    last = "without a word"
    try:
        with subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stderr:
                last = line.strip()
                say(last)
            lines = process.stdout.read().splitlines()
    except OSError as error:
        return f"its Python does not start: {error}"
    if process.returncode == _NOT_INSTALLED:
        return last
    if process.returncode:
        return f"it ended with status {process.returncode}: {last}"
    row: dict[str, Any] = json.loads(lines[-1])
    return row
