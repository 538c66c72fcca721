"""The base of every object that has bytes and belongs to a parameter set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from he.errors import CorruptBytesError, ParameterError, ParametersMismatchError
from he.format.container import Contents, pack, unpacked
from he.rlwe.params import MAX_PRIMES, RLWEParameters
from he.rlwe.serializable import Buffer, Serializable
from he.rlwe.unchecked import Unchecked
from he.validation import instance


class OwnedObject(Unchecked, Serializable):
    """An object whose bytes carry the id of its parameter set and are refused under another."""

    __slots__ = ()

    params: RLWEParameters

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its bytes and its parameter set: what a ciphertext has attached stays here."""
        return _read, (type(self), self.to_bytes(), self.params)

    def to_bytes(self) -> bytes:
        """This object as bytes: versioned and checksummed, with the id of its parameter set."""
        return bytes_with(self, {})

    @classmethod
    def from_bytes(cls, data: Buffer, params: RLWEParameters | None = None) -> Self:
        """An object of this class from its bytes.

        params: the parameter set that the object belongs to. Raises `ParametersMismatchError` for
        an object of another parameter set, `ParameterError` without `params`, and
        `SerializationError` for other, altered or truncated bytes.
        """
        with unpacked(data, cls.kind) as contents:
            check_owned(contents, params, cls.kind)
            return cls._decoded(contents, params)


def bytes_with(item: OwnedObject, fields: Mapping[str, Any]) -> bytes:
    """The bytes of an object with more fields in the header, which readers of its kind ignore."""
    header, sections = item._encoded()
    return pack(item.kind, {"params": item.params.id, **header, **fields}, sections)


def _read(cls: type[OwnedObject], data: bytes, params: RLWEParameters) -> OwnedObject:
    return cls.from_bytes(data, params)


def checked_level(level: int, params: RLWEParameters | None) -> int:
    """A level that was read, if `params` has it; `CorruptBytesError` otherwise.

    Without `params` it must be a level of the largest parameter set that is read.
    """
    highest = params.max_level if params is not None else MAX_PRIMES
    if not 0 <= level <= highest:
        raise CorruptBytesError(f"level {level}: it must be from 0 to {highest}")
    return level


def check_owned(contents: Contents, params: RLWEParameters | None, kind: str) -> None:
    """Raise `ParametersMismatchError` unless what was read belongs to `params`, `ParameterError`
    without them.
    """
    found = contents.field("params", bytes)
    if params is None:
        raise ParameterError(f"the {kind} belongs to a parameter set: pass it as params")
    instance(params, RLWEParameters, f"the parameter set of the {kind}")
    if found != params.id:
        raise ParametersMismatchError(
            f"the {kind} belongs to the parameter set with id {found.hex()}, not to {params} with "
            f"id {params.id.hex()}: read it under the parameters it was made for"
        )
