"""The tutorial's blocks run in order, and what they leave behind is what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.page_blocks import run_blocks

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], str]:
    """The names that the blocks define, and all that they print."""
    return run_blocks("tutorial.md")


def test_page__encrypted_answers_are_those_in_the_clear(ran: tuple[dict[str, Any], str]) -> None:
    names, _ = ran
    assert (np.abs(names["logits"] - names["logits_in_the_clear"]) <= 1).all()
    assert names["logits"].shape == (4, 10)
    assert (names["logits"].argmax(axis=1) == names["labels"][8000:8004]).all()


def test_page__integers_are_the_quantised_networks(ran: tuple[dict[str, Any], str]) -> None:
    from nn.batched.quantize import quantize

    names, _ = ran
    expected = quantize(names["network"]).integers(names["images"][8000:8100])
    assert (names["integers"] == expected).all()


def test_page__prints_refusals_and_a_report_of_the_lines_shown(
    ran: tuple[dict[str, Any], str],
) -> None:
    _, printed = ran
    assert "relu at '2'" in printed
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for line in shown.splitlines():
        assert re.search(rf"^{line.split()[0]} ", printed, re.MULTILINE), line
    assert re.search(r"\d+ instructions, \d+ us, assumed", printed)
