"""The options of a plan: frozen, each named once, unknown ones refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

import nn
from nn.inference.options import (
    DEFAULT_OPTIONS,
    CommonKeywords,
    IntegerKeywords,
    PackedKeywords,
    PlanOptions,
)


def test_options__are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULT_OPTIONS.N = 4096  # type: ignore[misc]


def test_given__leaves_out_what_is_none() -> None:
    options = PlanOptions(input_bits=3, N=None, precision_bits=0.0)
    assert options.given("input_bits", "weight_bits", "N") == {"input_bits": 3}
    assert options.given("precision_bits") == {"precision_bits": 0.0}


def test_keywords__are_the_options() -> None:
    names = {field.name for field in fields(PlanOptions)}
    assert set(PackedKeywords.__annotations__) | set(IntegerKeywords.__annotations__) == names
    common = set(CommonKeywords.__annotations__)
    assert set(PackedKeywords.__annotations__) & set(IntegerKeywords.__annotations__) == common


def test_compile__names_an_unknown_option() -> None:
    with pytest.raises(TypeError, match="precision_bit'"):
        nn.compile(nn.zoo.load("mnist"), precision_bit=6)
