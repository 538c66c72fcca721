"""docs/accelerators.md describes the trace file completely."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from he.trace import VERSION, HEOp, OpTrace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accelerators.md"


def test_trace_file__every_field_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## The trace file") : text.index("## How long an estimate")]
    names = {field.name for kind in (HEOp, OpTrace) for field in fields(kind)}
    assert {name for name in names if f"`{name}`" not in section} == set()
    assert f"version {VERSION})" in section
