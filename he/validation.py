"""Checks on plain arguments: kinds of objects, and numbers as Python, NumPy, JSON have them."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any, TypeVar

from he.errors import ParameterError, WrongObjectError

T = TypeVar("T")


def instance(value: T, needed: type[Any], what: str) -> T:
    """`value`, if it is an instance of `needed`; raises `WrongObjectError` otherwise.

    what: the name of the argument in the message.
    """
    if not isinstance(value, needed):
        raise wrong_object(value, name_of(needed), what)
    return value


def wrong_object(value: object, needed: str, what: str) -> WrongObjectError:
    """The error for a `value` that is no `needed`."""
    given = "None" if value is None else f"of type {name_of(type(value))}"
    return WrongObjectError(f"{what} is {given}, but {needed} is needed")


def name_of(kind: type[Any]) -> str:
    """The name of a type, with its module where that is not Python's own."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def whole_number(
    value: object, what: str, least: int | None = None, most: int | None = None
) -> int:
    """`value` as an int, from `least` to `most` where they are given.

    Integers of Python and NumPy are whole numbers, arrays of no dimension too; a bool is none.
    Raises `ParameterError`; what: the name of the argument in the message.
    """
    dtype = getattr(value, "dtype", None)
    try:
        if isinstance(value, bool) or getattr(dtype, "kind", None) == "b":
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ParameterError(f"{what} is {shown(value)}: a whole number is needed") from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ParameterError(f"{what} = {number}: it must be {_range(least, most)}")
    return number


def real_number(
    value: object, what: str, least: float | None = None, most: float | None = None
) -> float:
    """`value` as a finite float, from `least` to `most` where they are given.

    Real numbers of Python and NumPy are taken, arrays of no dimension too; a bool is none. Raises
    `ParameterError`; what: the name of the argument in the message.
    """
    scalar = value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        scalar = value.item()
    number = math.nan
    if not isinstance(scalar, bool) and isinstance(scalar, numbers.Real):
        try:
            number = float(scalar)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise ParameterError(f"{what} is {shown(value)}: a finite real number is needed")
    if (least is not None and number < least) or (most is not None and number > most):
        raise ParameterError(f"{what} = {number:g}: it must be {_range(least, most)}")
    return number


def items_of(values: object, what: str) -> list[Any]:
    """The items of a list, tuple, array or other finite iterable; a str or bytes is none.

    Raises `WrongObjectError`; what: the name of the argument in the message.
    """
    if isinstance(values, str | bytes | bytearray | memoryview) or not isinstance(values, Iterable):
        raise wrong_object(values, "a sequence", what)
    try:
        return list(values)
    except TypeError:  # an array of no dimension
        raise wrong_object(values, "a sequence", what) from None


def words(value: object, what: str) -> str | None:
    """`value`, if it is a str or None; raises `WrongObjectError` otherwise."""
    return None if value is None else str(instance(value, str, what))


def shown(value: object) -> str:
    """A short `repr` of a value; the name of its type where there is no short one."""
    if isinstance(value, str | bytes | numbers.Number | None):
        text = repr(value)
        if len(text) <= 40:
            return text
    return f"of type {name_of(type(value))}"


def _range(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"from {least} to {most}"
