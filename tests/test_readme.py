"""The README's example does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"


def test_readme__example_classifies_as_the_cleartext_network() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    cleartext = names["network"](names["images"][:8])
    assert names["logits"].shape == (8, 10)
    assert (abs(names["logits"] - cleartext) <= names["plan"].predicted_error).all()
    assert (names["logits"].argmax(axis=1) == cleartext.argmax(axis=1)).all()
