"""he.validation: what is a number, a sequence, an object of the kind needed."""

from __future__ import annotations

import decimal
import fractions
import math

import numpy as np
import pytest

from he.errors import HEError, ParameterError, WrongObjectError
from he.validation import (
    instance,
    items_of,
    name_of,
    real_number,
    shown,
    truth_value,
    whole_number,
    words,
)

NO_NUMBERS = [None, "7", b"7", [7], (7,), {7}, {}, 7j, True, np.True_, np.array(True), np.ones(2)]


@pytest.mark.parametrize(
    "value", [7, np.int8(7), np.uint64(7), np.array(7), np.array(7, dtype=np.uint8)]
)
def test_whole_number__is_of_python_or_numpy(value: object) -> None:
    assert whole_number(value, "n") == 7
    assert type(whole_number(value, "n")) is int
    assert real_number(value, "x") == 7


@pytest.mark.parametrize("value", [*NO_NUMBERS, 7.0, np.float64(7), fractions.Fraction(7)])
def test_whole_number__refuses_what_is_none(value: object) -> None:
    with pytest.raises(ParameterError, match=r"n is .*: a whole number is needed"):
        whole_number(value, "n")


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.float64(0.5), np.array(0.5), fractions.Fraction(1, 2)]
)
def test_real_number__is_of_python_or_numpy(value: object) -> None:
    assert real_number(value, "x") == 0.5
    assert type(real_number(value, "x")) is float


@pytest.mark.parametrize(
    "value",
    [*NO_NUMBERS, math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, decimal.Decimal(1)],
)
def test_real_number__refuses_what_is_none_or_not_finite(value: object) -> None:
    with pytest.raises(ParameterError, match=r"x is .*: a finite real number is needed"):
        real_number(value, "x")


@pytest.mark.parametrize(
    ("least", "most", "match"),
    [(1, None, "at least 1"), (None, -1, "at most -1"), (1, 9, "from 1 to 9")],
)
def test_ranges__are_named(least: int | None, most: int | None, match: str) -> None:
    for check in (whole_number, real_number):
        with pytest.raises(ParameterError, match=f"v = 0: it must be {match}"):
            check(0, "v", least, most)
        assert check(least if least is not None else most, "v", least, most) in (1, -1)


def test_instance__gives_the_object_or_names_what_it_is() -> None:
    assert instance(3, int, "n") == 3
    with pytest.raises(WrongObjectError, match=r"the n is None, but int is needed"):
        instance(None, int, "the n")
    with pytest.raises(WrongObjectError, match=r"of type numpy\.ndarray, but he\.errors\.HEError"):
        instance(np.ones(2), HEError, "it")
    assert issubclass(WrongObjectError, TypeError)
    assert issubclass(WrongObjectError, HEError)


@pytest.mark.parametrize("values", [[1, 2], (1, 2), np.array([1, 2]), range(1, 3), {1: 0, 2: 0}])
def test_items__of_sequences(values: object) -> None:
    assert items_of(values, "steps") == [1, 2]


@pytest.mark.parametrize("values", [None, 5, "12", b"12", bytearray(2), memoryview(b"12"),
                                    np.array(3)])  # fmt: skip
def test_items__refuse_what_is_no_sequence(values: object) -> None:
    with pytest.raises(WrongObjectError, match=r"steps is .*, but a sequence is needed"):
        items_of(values, "steps")


@pytest.mark.parametrize("value", [True, np.True_, np.array(True)])
def test_truth_value__is_of_python_or_numpy(value: object) -> None:
    assert truth_value(value, "progress") is True


@pytest.mark.parametrize(
    "value", [None, 0, 1, "", "False", np.ones(3), np.zeros(0), np.array([True]), np.uint8(1), []]
)
def test_truth_value__is_nothing_that_is_merely_true_or_false(value: object) -> None:
    with pytest.raises(WrongObjectError, match=r"progress is .*, but True or False is needed"):
        truth_value(value, "progress")


def test_words__are_text_or_none() -> None:
    assert words(None, "reason") is None
    assert words("unit test", "reason") == "unit test"
    with pytest.raises(WrongObjectError, match="reason is of type int"):
        words(5, "reason")


def test_shown__is_short() -> None:
    assert shown(None) == "None"
    assert shown("ab") == "'ab'"
    assert shown("a" * 100) == "of type str"
    assert shown(np.zeros(1000)) == "of type numpy.ndarray"
    assert name_of(int) == "int"
