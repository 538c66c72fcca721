"""The blocks of the page on activations run in order, and do what the page says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.docs.page_blocks import run_blocks


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], str]:
    """The names that the blocks define, and all that they print."""
    return run_blocks("activations.md")


def test_page__encrypted_answers_are_within_the_predicted_error(
    ran: tuple[dict[str, Any], str],
) -> None:
    names, _ = ran
    some = names["images"][8000:8004]
    assert (np.abs(names["logits"] - names["squares"](some)) <= names["plan"].predicted_error).all()


def test_page__both_ways_keep_the_answers(ran: tuple[dict[str, Any], str]) -> None:
    names, printed = ran
    seen, truth = names["images"][7000:8000], names["labels"][7000:8000]
    right = {
        name: np.mean(names[name](seen).argmax(axis=1) == truth)
        for name in ("network", "cheap", "squares")
    }
    # None of 300 calibration images may be lost; where 2 % of the answers change, one way or the
    # other, the difference of the shares deviates by sqrt(0.02 / 300), 0.8 points.
    assert right["cheap"] >= right["network"] - 0.003 - 2 * 0.008
    assert right["squares"] >= right["network"] - 0.03
    exact, cheap, three = names["table"].rows
    assert cheap.right == right["cheap"]
    assert exact.right == right["network"]
    assert three.levels is not None
    assert "max pool" in printed
    assert "of 1000 images leave a range" in printed
    assert "2 activations and 1 max-pools replaced" in printed
