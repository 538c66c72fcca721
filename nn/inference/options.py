"""The options of `nn.compile`: what a caller may ask of a plan."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from he.validation import items_of, real_number, truth_value, whole_number

WORD_BITS = (16, 61)
"""The least and the most bits of words, as `CKKSParameters.build` takes them."""


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What is asked of a plan; `nn.compile` says what each option means.

    None lets the planner choose. The last three are for exact integers alone, `precision_bits` and
    `word_bits` for approximate numbers alone, `bootstrap` for these in the packed layout. Integers
    of NumPy become Python's own.

    Raises `he.ParameterError` for a precision that is no finite number and for words of other than
    16 to 61 bits, `he.WrongObjectError` for a `bootstrap` that is neither True nor False and for
    plain moduli that are no sequence. The planners check all other options.
    """

    security_bits: int = 128
    N: int | None = None
    dnum: int | None = None
    insecure_reason: str | None = None
    precision_bits: float | None = None
    word_bits: int | None = None
    bootstrap: bool | None = None
    input_bits: int | None = None
    weight_bits: int | None = None
    plain_moduli: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("N", "dnum", "word_bits", "input_bits", "weight_bits"):
            object.__setattr__(self, name, as_python_integer(getattr(self, name)))
        if self.precision_bits is not None:
            number = real_number(self.precision_bits, "precision_bits")
            object.__setattr__(self, "precision_bits", number)
        if self.word_bits is not None:
            whole_number(self.word_bits, "word_bits", *WORD_BITS)
        if self.bootstrap is not None:
            object.__setattr__(self, "bootstrap", truth_value(self.bootstrap, "bootstrap"))
        if self.plain_moduli is not None:
            moduli = tuple(items_of(self.plain_moduli, "plain_moduli"))
            object.__setattr__(self, "plain_moduli", moduli)

    def given(self, *names: str) -> dict[str, Any]:
        """The options among `names` that are not None."""
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def as_python_integer(value: Any) -> Any:
    """An integer of NumPy as Python's own; any other value as it is, for its own check."""
    if isinstance(value, bool):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


DEFAULT_OPTIONS = PlanOptions()


class CommonKeywords(TypedDict, total=False):
    """Keywords of `nn.compile` that both schemes take, for type checkers."""

    security_bits: int
    N: int | None
    dnum: int | None
    insecure_reason: str | None


class RealKeywords(CommonKeywords, total=False):
    """Keywords of `nn.compile` with approximate numbers, for type checkers."""

    precision_bits: float | None
    word_bits: int | None


class PackedKeywords(RealKeywords, total=False):
    """Keywords of `nn.compile` in the packed layout, for type checkers."""

    bootstrap: bool | None


class IntegerKeywords(CommonKeywords, total=False):
    """Keywords of `nn.compile` with exact integers, for type checkers."""

    input_bits: int | None
    weight_bits: int | None
    plain_moduli: Sequence[int] | None
