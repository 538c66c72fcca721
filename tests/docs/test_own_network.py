"""The blocks of the page "Your own network" run in order, and do what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's remarks on its exporter
PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], str]:
    """The names that the blocks define, and all that they print."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small matrices: threads would only wait for each other
    text = PAGE.read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    torch.set_num_threads(threads)
    return names, printed.getvalue()


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
