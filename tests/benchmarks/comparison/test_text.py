"""Amounts and ratios in words."""

from __future__ import annotations

import pytest

from benchmarks.comparison.text import amount, ratio


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5 s"), (0.9996, "1 s"), (0.0219, "21.9 ms"), (4.53e-5, "45.3 us"), (0.0, "0 s"),
     (2e-10, "2e-10 s"), (9.996e-4, "1 ms")],
)  # fmt: skip
def test_amount__takes_the_prefix_that_suits(value, text):
    assert amount(value, "s") == text


def test_ratio__has_two_digits_or_whole_hundreds():
    assert [ratio(x) for x in (0.0344, 1.0, 17.34, 99.4, 174.2, None)] == [
        "0.034x", "1x", "17x", "99x", "174x", "-",
    ]  # fmt: skip
