"""Notice of compilation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from nn.terminal.compilation_notice import watch_compilation


def test_watch_compilation__counts_the_outermost_kernel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @numba.njit
    def inner(x: int) -> int:
        return x + 1

    @numba.njit
    def outer(x: int) -> int:
        return 2 * inner(x)

    with watch_compilation() as compilation:
        assert outer(3) == 8
        assert outer(4) == 10
    assert compilation.kernels == 1
    assert compilation.seconds > 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Compiling kernels")
    assert lines[1].startswith("Compiled 1 kernels in ")


def test_watch_compilation__says_nothing_when_all_is_compiled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @numba.njit
    def kernel(x: int) -> int:
        return x + 1

    kernel(1)
    with watch_compilation() as compilation:
        kernel(2)
    assert (compilation.kernels, compilation.seconds) == (0, 0.0)
    assert capsys.readouterr().err == ""


def test_watch_compilation__quiet(capsys: pytest.CaptureFixture[str]) -> None:
    @numba.njit
    def kernel(x: int) -> int:
        return x + 1

    with watch_compilation(announce=False) as compilation:
        kernel(1)
    assert compilation.kernels == 1
    assert capsys.readouterr().err == ""


def test_watch_compilation__second_process_starts_from_the_cache(tmp_path: Path) -> None:
    """One kernel of the encoder, in an empty cache: compiled once, then found there."""
    program = """
import numpy as np
from he.format.residue_packing import pack_residues
from nn.terminal.compilation_notice import watch_compilation
with watch_compilation() as compilation:
    pack_residues(np.zeros((1, 8), dtype=np.uint64), (17,))
print(compilation.kernels)
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    counts = []
    for _ in range(2):
        finished = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        counts.append(int(finished.stdout))
        assert ("Compiling" in finished.stderr) == (counts[-1] > 0)
    assert counts[0] > 0
    assert counts[1] == 0
