"""Every command that a page shows exists, with the options that the page gives it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAINS = {
    "nn": "nn.cli.main",
    "ntt": "ntt.main",
    "accel_model": "accel_model.cli.main",
    "rtl": "rtl.cli.main",
    "benchmarks": "benchmarks.main",
}
COMMAND = re.compile(rf"python -m ({'|'.join(MAINS)}) ([a-z]+)([^`\n;#|]*)")
OPTION = re.compile(r"(?<!\S)(--?[a-zA-Z][\w-]*)")


@functools.cache
def help_of(module: str, command: str) -> str:
    """What a command prints with `--help`; another exit status than 0 is an error."""
    main = importlib.import_module(MAINS[module]).main
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0, f"python -m {module} {command}"
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page__commands_and_options_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for module, command, rest in COMMAND.findall(text):
        known = help_of(module, command)
        for option in OPTION.findall(rest):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), (module, command, option)


def test_pages__show_commands_of_every_room() -> None:
    shown = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {module for module, *_ in COMMAND.findall(shown)} == set(MAINS)
