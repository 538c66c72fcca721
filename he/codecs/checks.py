"""Checks on values that come out of a container, and the pair that every encoder returns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.format.container import Contents
from he.rlwe.params import RLWEParameters
from he.rlwe.sampling import SEED_BYTES

Params = TypeVar("Params", bound=RLWEParameters)

Encoded = tuple[Mapping[str, Any], Mapping[str, bytes]]
"""Header and sections."""

MAX_PRIMES = 128
_LARGEST_DEGREE = 1 << 17


def owner(contents: Contents, params: Params | None, kind: str) -> Params:
    """`params`, if the object belongs to it."""
    found = contents.field("params", bytes)
    if params is None:
        raise ParameterError(f"the {kind} belongs to a parameter set: pass it as params")
    if found != params.id:
        raise ParametersMismatchError(
            f"the {kind} belongs to the parameter set with id {found.hex()}, not to {params} with "
            f"id {params.id.hex()}: read it under the parameters it was made for"
        )
    return params


def values(item: object, what: str, *types: type[Any]) -> Sequence[Any]:
    """A list of values of exactly these types (a bool is no int)."""
    if not isinstance(item, list) or len(item) != len(types):
        raise CorruptBytesError(f"{what} is not described by {len(types)} values")
    for value, needed in zip(item, types, strict=True):
        if type(value) is not needed:
            raise CorruptBytesError(
                f"{what}: {type(value).__name__} stands where {needed.__name__} is needed"
            )
    return item


def level(value: int, params: RLWEParameters | None) -> int:
    """A level of `params`."""
    highest = params.max_level if params is not None else MAX_PRIMES
    if not 0 <= value <= highest:
        raise CorruptBytesError(f"level {value}: it must be from 0 to {highest}")
    return value


def scale(value: float, at_level: int, params: RLWEParameters) -> float:
    """A scale that the modulus of `at_level` can hold."""
    if not (math.isfinite(value) and value > 0):
        raise CorruptBytesError(f"scale {value}: it must be positive and finite")
    bits = sum(math.log2(q) for q in params.q[: at_level + 1])
    if math.log2(value) >= bits:
        raise CorruptBytesError(
            f"scale 2^{math.log2(value):.1f} is beyond the {bits:.1f} bits of level {at_level}"
        )
    return value


def element(value: int, params: RLWEParameters | None) -> int:
    """A Galois element of `params`."""
    limit = 2 * (params.N if params is not None else _LARGEST_DEGREE)
    if value % 2 == 0 or not 1 <= value < limit:
        raise CorruptBytesError(f"Galois element {value}: it must be odd and in [1, {limit})")
    return value


def seed(value: bytes) -> bytes | None:
    """A seed, or None where the bytes are empty: nothing is left out then."""
    if len(value) not in (0, SEED_BYTES):
        raise CorruptBytesError(f"a seed of {len(value)} bytes: {SEED_BYTES} or none are needed")
    return value or None


def sections(contents: Contents, names: Iterable[str]) -> None:
    """The container has exactly these sections, each once."""
    needed = sorted(names)
    if needed != sorted(contents.sections):
        raise CorruptBytesError(
            f"{len(contents.sections)} sections do not match the {len(needed)} items listed"
        )
