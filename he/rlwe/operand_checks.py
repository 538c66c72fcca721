"""Checks of operands that every scheme makes."""

from __future__ import annotations

from numbers import Real
from typing import Any, Protocol, SupportsFloat

import numpy as np

from he.errors import (
    EncodingError,
    ParameterError,
    ParametersMismatchError,
    UnsupportedOperationError,
)
from he.rlwe.array_checks import array_of
from he.rlwe.params import RLWEParameters
from he.validation import name_of, shown, wrong_object


class Owned(Protocol):
    """What belongs to a parameter set."""

    @property
    def params(self) -> RLWEParameters:
        """The parameter set."""


class Parted(Protocol):
    """What has a number of parts."""

    @property
    def parts(self) -> int:
        """Number of polynomials."""


def check_owner(
    params: RLWEParameters, operand: Owned, needed: type[Any], asking: str = "evaluator"
) -> None:
    """Raise unless the operand is a `needed` that belongs to `params`.

    asking: who needs it. Raises `WrongObjectError` or `ParametersMismatchError`.
    """
    if not isinstance(operand, needed):
        what = f"what the {asking} is given"
        raise wrong_object(operand, name_of(needed), what)
    if operand.params is not params and operand.params != params:
        raise ParametersMismatchError(
            f"the {type(operand).__name__.lower()} belongs to {operand.params}, the {asking} to "
            f"{params}"
        )


def float_of(number: SupportsFloat) -> float:
    """A real number as a float; raises `EncodingError` for one beyond float64."""
    try:
        return float(number)
    except OverflowError:
        raise EncodingError("the number is beyond float64: use a smaller one") from None


def reciprocal(divisor: object) -> Any:
    """1 / divisor, for a number or an array of numbers.

    Raises `UnsupportedOperationError` for what is encrypted, `EncodingError` for zeros and for what
    are no numbers.
    """
    numbers = array_of(float_of(divisor) if isinstance(divisor, Real) else divisor)
    if numbers.dtype.kind not in "biufc":
        raise UnsupportedOperationError(
            f"a ciphertext is divided by numbers, not by what is {shown(divisor)}: multiply by an "
            f"encrypted reciprocal, which a polynomial approximates (`he.evaluate_polynomial`)"
        )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = 1 / numbers
    if not np.isfinite(inverse).all():
        raise EncodingError(f"a ciphertext divided by {shown(divisor)}: the divisor has a zero")
    return inverse


def check_two_parts(a: Parted, operation: str) -> None:
    """Raise `ParameterError` for an unrelinearized product."""
    if a.parts != 2:
        raise ParameterError(
            f"{operation} needs ciphertexts of 2 parts, not {a.parts}: relinearize first"
        )
