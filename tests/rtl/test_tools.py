"""External tools that are missing."""

from __future__ import annotations

import pytest

from rtl import tools


def test_find_tool__a_missing_one_is_named_with_the_way_to_get_it():
    with pytest.raises(tools.ToolError, match="`no-such-tool` is not installed: install"):
        tools.find_tool("no-such-tool")
