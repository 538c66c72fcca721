"""The figures in the documentation are those of the committed results."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from he.trace import VERSION, HEOp, OpTrace

ROOT = Path(__file__).resolve().parent.parent.parent


def test_docs_results__estimation_is_rendered_from_the_file(tool: ModuleType) -> None:
    block = tool.BLOCK.search(tool.ACCELERATORS.read_text(encoding="utf-8"))
    assert block is not None
    assert block.group() == tool.render()


def test_docs_results__an_estimate_is_quick_and_grows_in_proportion(tool: ModuleType) -> None:
    """A whole image below ten seconds on a core; a power of the steps that is near one: 1.5 would
    be twice the time a step from the smallest size to the largest, which other work can make."""
    rows = json.loads(tool.ESTIMATION.read_text(encoding="utf-8"))["rows"]
    assert all(row["lower_s"] + row["estimate_s"] < 10 for row in rows)
    for machine in {row["machine"] for row in rows}:
        own = [row for row in rows if row["machine"] == machine]
        assert len({row["instructions"] for row in own}) >= 3
        steps = np.log([row["steps"] for row in own])
        times = np.log([row["estimate_s"] for row in own])
        assert np.polyfit(steps, times, 1)[0] < 1.5, machine


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_docs__links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_docs__name_every_field_of_a_trace(tool: ModuleType) -> None:
    text = tool.ACCELERATORS.read_text(encoding="utf-8")
    section = text[text.index("## The trace file") : text.index("## How long an estimate")]
    names = {field.name for kind in (HEOp, OpTrace) for field in fields(kind)}
    assert {name for name in names if f"`{name}`" not in section} == set()
    assert f"version {VERSION})" in section
