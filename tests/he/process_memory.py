"""How often patterns stand in the memory of a child process, read through `/proc` on Linux."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.test_doors import ROOT

_AT_ONCE = 1 << 24
_EMPTY = re.compile(rb"\0{4096,}")


@contextlib.contextmanager
def child(module: str, *arguments: str) -> Iterator[int]:
    """The id of a process that runs `module`, once it has printed "ready"; its input then ends."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.stdin.close()


def copies(pid: int, patterns: Mapping[str, bytes]) -> dict[str, int]:
    """The patterns that stand in the process's writable memory, and how often each does.

    No pattern is longer than a page, or has that many zeros.
    """
    found = dict.fromkeys(patterns, 0)
    for block in _blocks(pid, max(map(len, patterns.values()))):
        for part in _EMPTY.split(block):
            for name, pattern in patterns.items():
                found[name] += part.count(pattern)
    return {name: count for name, count in found.items() if count}


def _blocks(pid: int, longest: int) -> Iterator[bytes]:
    """The writable memory; a pattern that begins in one block may end behind it."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, access = line.split()[:2]
            if not access.startswith("rw"):
                continue
            start, stop = (int(address, 16) for address in span.split("-"))
            for first in range(start, stop, _AT_ONCE):
                memory.seek(first)
                yield memory.read(min(_AT_ONCE + longest - 1, stop - first))
