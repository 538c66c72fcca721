"""Checks of operands that every scheme makes."""

from __future__ import annotations

from typing import Protocol

from he.errors import ParameterError, ParametersMismatchError
from he.rlwe.params import RLWEParameters


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


def check_owner(params: RLWEParameters, operand: Owned, asking: str = "evaluator") -> None:
    """Raise `ParametersMismatchError` unless the operand belongs to `params`."""
    if operand.params is not params and operand.params != params:
        raise ParametersMismatchError(
            f"the {type(operand).__name__.lower()} belongs to {operand.params}, the {asking} to "
            f"{params}"
        )


def check_two_parts(a: Parted, operation: str) -> None:
    """Raise `ParameterError` for an unrelinearized product."""
    if a.parts != 2:
        raise ParameterError(
            f"{operation} needs ciphertexts of 2 parts, not {a.parts}: relinearize first"
        )
