"""External tools: where they are, how they run, and in which version."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtl.errors import ToolError

INSTALL_ADVICE = "install the hardware tools with `pip install 'he-accel[rtl]'`"

_YOSYS_RUNNER = """
import sys
from pyosys import libyosys as yosys
design = yosys.Design()
for line in open(sys.argv[1]):
    yosys.run_pass(line.strip(), design)
"""


def package_version(package: str) -> str:
    """The installed version of a Python package, or "absent"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def find_tool(command: str, advice: str = INSTALL_ADVICE) -> str:
    """The path of a command, on PATH or beside the running interpreter.

    Raises `ToolError`, which ends in `advice`, if it is missing.
    """
    beside = _beside_interpreter(command)
    path = shutil.which(command) or (str(beside) if beside.exists() else None)
    if path is None:
        raise ToolError(f"command `{command}` is not installed: {advice}")
    return path


def _beside_interpreter(command: str) -> Path:
    """The path at which pip installs the command of a package."""
    return Path(sys.executable).parent / command


def find_abc() -> str:
    """The path of the abc that comes with Yosys. Raises `ToolError` if it is missing."""
    found = importlib.util.find_spec("pyosys")
    folders = list(found.submodule_search_locations or []) if found else []
    for folder in folders:
        path = Path(folder, "yosys-abc")
        if path.exists():
            return str(path)
    return find_tool("yosys-abc")


def run(
    command: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The standard output of a command. Raises `ToolError`, with its last lines, if it fails."""
    # A tool that sees a terminal may keep a file of its history.
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise ToolError(f"`{Path(command[0]).name}` failed with status {done.returncode}:\n{last}")
    return done.stdout


def run_yosys(script: Sequence[str]) -> str:
    """Run commands of Yosys in a process of their own, and return its log.

    Raises `ToolError` if Yosys is missing or fails.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise ToolError(f"Yosys (package pyosys) is not installed: {INSTALL_ADVICE}")
    with tempfile.NamedTemporaryFile("w", suffix=".ys") as file:
        file.write("\n".join(script))
        file.flush()
        return run([sys.executable, "-c", _YOSYS_RUNNER, file.name])
