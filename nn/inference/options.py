"""The options of `nn.compile`: what a caller may ask of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What is asked of a plan; `nn.compile` says what each option means.

    None lets the planner choose. The last three are for exact integers alone, `precision_bits` for
    approximate numbers alone.
    """

    security_bits: int = 128
    N: int | None = None
    dnum: int | None = None
    insecure_reason: str | None = None
    precision_bits: float | None = None
    input_bits: int | None = None
    weight_bits: int | None = None
    plain_moduli: Sequence[int] | None = None

    def given(self, *names: str) -> dict[str, Any]:
        """The options among `names` that are not None."""
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


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


class IntegerKeywords(CommonKeywords, total=False):
    """Keywords of `nn.compile` with exact integers, for type checkers."""

    input_bits: int | None
    weight_bits: int | None
    plain_moduli: Sequence[int] | None
