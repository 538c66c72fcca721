"""Docstrings become Markdown that says the same."""

from __future__ import annotations

import pytest

from tools.reference_docstrings import as_markdown


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("a[i] * b_i in [0, q), i < 2^8", r"a\[i\] \* b\_i in \[0, q), i &lt; 2^8"),
        ("as `a[i] * b` is", "as `a[i] * b` is"),
        ("Takes ``x``.\n\n    x = a[0]\n\nAnd.", "Takes ``x``.\n\n    x = a[0]\n\nAnd."),
        ("So:\n\n>>> f(1)\n2\n\n>>> f(2)\n3\n\nAnd.",
         "So:\n\n```pycon\n>>> f(1)\n2\n\n>>> f(2)\n3\n```\n\nAnd."),
        ("Two:\n- one\n- two", "Two:\n\n- one\n- two"),
        ("`ring` of `Known`, `Known(3)`.",
         ('`ring` of <autoref optional identifier="he.Known"><code>Known</code></autoref>, '
         "`Known(3)`.")),
    ],
)  # fmt: skip
def test_docstring__as_markdown(docstring: str, markdown: str) -> None:
    assert as_markdown(docstring, {"Known": "he.Known"}.get) == markdown
