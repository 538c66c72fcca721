"""Another library in a process of its own: the rows that it prints, and why some are missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ntt.terminal import say

_ROOT = Path(__file__).resolve().parents[2]
_NOT_INSTALLED = 3


def measured_rows(
    words: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[list[dict[str, Any]], str]:
    """The rows, and a sentence that says why some are missing, or nothing.

    words: the command, which prints each row as JSON on one line, beginning with its library; its
    exit status is 3 where the library is not installed. environment: variables beside ours.
    """
    variables = {**os.environ, "PYTHONPATH": str(_ROOT), **(environment or {})}
    last = "without a word"
    try:
        with subprocess.Popen(
            words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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
