"""What an import of the model loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", ["accel_model", "accel_model.cli.main"])
def test_import__loads_no_kernels_no_hardware_tools_and_no_plotting(module: str) -> None:
    unwanted = {"numba", "scipy", "amaranth", "rtl", "nn", "matplotlib"}
    # Of ntt, only what needs the standard library alone.
    harmless = {"ntt", "ntt.lazy", "ntt.terminal"}
    program = (
        f"import sys, {module}; loaded = set(sys.modules); "
        f"print(*{unwanted} & loaded, *({{m for m in loaded if m.startswith('ntt')}} - {harmless}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""
