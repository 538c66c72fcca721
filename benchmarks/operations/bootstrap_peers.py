"""Bootstraps of other libraries, each measured in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.operations.peer_process import measured_rows

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
            found, reason = measured_rows(words)
            for row in found:
                report(row)
            rows += found
            if reason:
                missing[PEERS[name]] = reason
                break
    return rows, missing
