"""Checks on plain arguments."""

from __future__ import annotations

import numbers

from he.errors import ParameterError


def whole_number(value: object, what: str) -> int:
    """`value` as an int; raises `ParameterError` for anything but a Python or NumPy integer."""
    if not isinstance(value, numbers.Integral):
        raise ParameterError(f"{what} is {value!r}: a whole number is needed")
    return int(value)
