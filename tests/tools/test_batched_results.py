"""The table of batched runs in the documentation is that of the committed results."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def test_batched_results__are_rendered_from_the_files(tool: ModuleType) -> None:
    block = tool.BLOCK.search(tool.PAGE.read_text(encoding="utf-8"))
    assert block is not None
    assert block.group() == tool.render()


def test_batched_results__keep_their_promises(tool: ModuleType) -> None:
    """A full batch in ten seconds on one thread, at least 98.5 % right, nothing wrong."""
    exact, real = tool.load()
    for result in (exact, real):
        assert (result["images"], result["threads"]) == (8192, 1)
        assert result["server_seconds_median"] <= 10
        assert result["accuracy"] >= 0.985
        assert result["images_compared"] == 8192
    assert exact["images_with_a_wrong_integer"] == 0
    assert real["images_beyond_the_predicted_error"] == 0
