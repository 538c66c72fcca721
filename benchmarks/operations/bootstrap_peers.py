"""Bootstraps of other libraries, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import signal
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

_ALONE = {"openfhe", "desilo"}
"""Those that need a process, and keys, for each number of threads: they start as many as at first,
and these wait for one another where there are fewer cores.
"""

_ROOT = Path(__file__).resolve().parents[2]
_NOT_INSTALLED = 3


def run_peers(
    names: Iterable[str] = tuple(PEERS),
    *,
    pythons: Mapping[str, str] | None = None,
    rings: Mapping[str, int] | None = None,
    thread_counts: Sequence[int] = (1, 2),
    repeats: int = 1,
    report: Callable[[dict[str, Any]], None] = lambda row: None,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of the libraries that are installed, and why there are none of others.

    names: of `PEERS`. pythons: the interpreter of a library, by name; default this one. rings: the
    ring degree of a library, by name; default 2^16. repeats: bootstraps that are timed on each
    number of threads.
    """
    rows: list[dict[str, Any]] = []
    missing = {}
    for name in names:
        python = (pythons or {}).get(name, sys.executable)
        together = [[count] for count in thread_counts] if name in _ALONE else [thread_counts]
        for counts in together:
            words = [python, "-m", "benchmarks.peers.bootstrap", name, "--repeats", str(repeats)]
            for count in counts:
                words += ["--threads", str(count)]
            if rings and name in rings:
                words += ["--ring", str(rings[name])]
            found, reason = _measured(words)
            for row in found:
                report(row)
            rows += found
            if reason:
                missing[PEERS[name]] = reason
                break
    return rows, missing


def _measured(words: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """The rows, and a sentence that says why some are missing, or nothing."""
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
        return [], f"its Python does not start: {error}"
    if process.returncode == _NOT_INSTALLED:
        return [], last
    rows = [json.loads(line) for line in lines if line.startswith('{"library"')]
    if process.returncode == -signal.SIGKILL:
        return rows, f"the system ended it, most likely for want of memory, after: {last}"
    if process.returncode:
        return rows, f"it ended with status {process.returncode}: {last}"
    return rows, ""
