"""The blocks of the page "Your own network" run in order, and do what the page says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from tests.docs.page_blocks import run_blocks

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's remarks on its exporter


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], str]:
    """The names that the blocks define, and all that they print."""
    return run_blocks("own-network.md")


def test_page__encrypted_answers_are_those_of_the_module(ran: tuple[dict[str, Any], str]) -> None:
    names, _ = ran
    some = names["images"][8000:8004]
    in_the_clear = names["network"](some)
    assert (np.abs(names["logits"] - in_the_clear) <= names["plan"].predicted_error).all()
    with torch.no_grad():
        expected = names["module"].double()(torch.tensor(some).double()).numpy()
    assert (names["probabilities"].argmax(1) == expected.argmax(1)).all()
    assert np.allclose(names["probabilities"].sum(1), 1)


def test_page__prints_what_is_refused_and_signals(ran: tuple[dict[str, Any], str]) -> None:
    names, printed = ran
    assert [type(node.layer).__name__ for node in names["again"].nodes] == [
        "Conv2d", "ScalarFunction", "Flatten", "Linear",
    ]  # fmt: skip
    assert re.search(r"layer LayerNorm at '1', step .* use BatchNorm", printed)
    assert names["heart"].input_shape == (1, 187)
    assert names["heart"].output_shape == (5,)
