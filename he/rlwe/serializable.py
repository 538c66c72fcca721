"""The two methods that every object with bytes has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from he.rlwe.params import RLWEParameters


class Serializable:
    """`to_bytes` and `from_bytes`, as `he.serialization` defines them."""

    __slots__ = ()

    def to_bytes(self) -> bytes:
        """This object as bytes (`he.serialization.to_bytes`)."""
        from he.serialization import to_bytes

        return to_bytes(self)

    @classmethod
    def from_bytes(
        cls, data: bytes | bytearray | memoryview, params: RLWEParameters | None = None
    ) -> Self:
        """An object of this class from bytes (`he.serialization.from_bytes`).

        params: the parameter set that the object must belong to.
        """
        from he.serialization import from_bytes

        return from_bytes(data, cls, params)
