"""Checks on plain arguments: kinds of objects, and numbers as Python, NumPy, JSON have them."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterable
from pathlib import Path
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


def file_path(value: object, what: str) -> Path:
    """The path that `value` names; raises `WrongObjectError` for what is no str or path of one,
    `ParameterError` for a name that no file has.
    """
    name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(name, str):
        raise wrong_object(value, "the path of a file", what)
    if "\0" in name:
        raise ParameterError(f"{what} is {shown(name)}: no name has a zero byte in it")
    return Path(name)


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
    number = value if type(value) is int else _whole(value, what)
    if (least is not None and number < least) or (most is not None and number > most):
        raise ParameterError(f"{what} = {number}: it must be {_range(least, most)}")
    return number


def truth_value(value: object, what: str) -> bool:
    """`value` as a bool: True and False of Python and NumPy, and nothing that is merely true.

    Raises `WrongObjectError`; what: the name of the argument in the message.
    """
    if type(value) is bool:
        return value
    if _is_numpy_bool(value) and getattr(value, "ndim", None) == 0:
        return bool(value)
    raise wrong_object(value, "True or False", what)


def _whole(value: Any, what: str) -> int:
    try:
        if isinstance(value, bool) or _is_numpy_bool(value):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ParameterError(f"{what} is {shown(value)}: a whole number is needed") from None


def _is_numpy_bool(value: object) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") == "b"


def real_number(
    value: object, what: str, least: float | None = None, most: float | None = None
) -> float:
    """`value` as a finite float, from `least` to `most` where they are given.

    Real numbers of Python and NumPy are taken, arrays of no dimension too; a bool is none. Raises
    `ParameterError`; what: the name of the argument in the message.
    """
    number = value if type(value) is float else _real(value)
    if not math.isfinite(number):
        raise ParameterError(f"{what} is {shown(value)}: a finite real number is needed")
    if (least is not None and number < least) or (most is not None and number > most):
        raise ParameterError(f"{what} = {number:g}: it must be {_range(least, most)}")
    return number


def _real(value: Any) -> float:
    """The float; NaN for what is no real number, infinity for one beyond float64."""
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(scalar, bool) or not isinstance(scalar, numbers.Real):
        return math.nan
    try:
        return float(scalar)
    except OverflowError:
        return math.inf


def items_of(values: object, what: str) -> list[Any]:
    """The items of a list, tuple, array or other finite iterable; a str or bytes is none.

    Raises `WrongObjectError`; what: the name of the argument in the message.
    """
    if type(values) is list or type(values) is tuple:
        return list(values)
    if isinstance(values, str | bytes | bytearray | memoryview) or not isinstance(values, Iterable):
        raise wrong_object(values, "a sequence", what)
    try:
        return list(values)
    except TypeError:  # an array of no dimension
        raise wrong_object(values, "a sequence", what) from None


def words(value: object, what: str) -> str | None:
    """`value`, if it is a str or None; raises `WrongObjectError` otherwise."""
    return None if value is None else str(instance(value, str, what))


def check_path(path: object) -> None:
    """Raise `WrongObjectError` unless `path` is a str or a path object."""
    if not isinstance(path, str | os.PathLike):
        raise wrong_object(path, "a str or a path", "the path")


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
