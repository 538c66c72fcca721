"""The command-line page names every command and every setting, and its examples run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
MODULES = ("nn", "ntt", "accel_model", "rtl", "benchmarks")


def run(*words: str) -> str:
    finished = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    return finished.stdout


@pytest.mark.parametrize("module", MODULES)
def test_page__names_the_commands(module: str) -> None:
    (section,) = re.findall(rf"^## `python -m {module}`.*?(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    printed = run("-m", module, "--help")
    offered = set(re.findall(r"^    ([a-z]+)(?:\s|$)", printed, re.MULTILINE))
    assert named == offered


def test_page__names_the_settings() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    read = set()
    for room in ("ntt", "he", "nn", "accel_model", "rtl", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            read |= set(re.findall(r"\"(HE_ACCEL_[A-Z_]+)\"", path.read_text(encoding="utf-8")))
    assert read == {name for name in named if name.startswith("HE_ACCEL_")}


def test_page__examples_run() -> None:
    commands = re.findall(r"^python (-m nn .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    plan, levels, infer = (run(*shlex.split(command)) for command in commands)
    assert "fashion_mnist" in plan
    assert "level" in levels
    assert infer.count("0") > 1
