"""The Python blocks of a page, run in order."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import torch

Ran = tuple[dict[str, Any], str]
"""The names that the blocks of a page define, and all that they print."""

_DOCS = Path(__file__).parents[2] / "docs"


def run_blocks(page: str) -> Ran:
    """Run the blocks of a page of docs/ one after the other, on one thread of PyTorch."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small matrices: threads would only wait for each other
    text = (_DOCS / page).read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{page}, block {number}", "exec"), names)
    torch.set_num_threads(threads)
    return names, printed.getvalue()
