"""The base of every object that has bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from he.format.container import Contents, pack

Buffer = bytes | bytearray | memoryview
"""What bytes are read from."""

Encoded = tuple[Mapping[str, Any], Mapping[str, bytes | memoryview]]
"""What an object has in its container: the header and the sections."""


class Serializable(ABC):
    """An object with bytes: one container of `he.format.container`, of the kind `kind`.

    A class says what its container holds in `_encoded` and reads the same in `_decoded`.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """The name of this kind of object in its bytes."""

    def to_bytes(self) -> bytes:
        """This object as bytes: versioned and checksummed."""
        return pack(self.kind, *self._encoded())

    @abstractmethod
    def _encoded(self) -> Encoded:
        """The header and the sections of this object's container."""

    @classmethod
    @abstractmethod
    def _decoded(cls, contents: Contents, params: Any) -> Self:
        """The object that `_encoded` described, every value checked.

        params: the parameter set that the reader gives, if one is needed. Raises
        `CorruptBytesError` for what no writer makes.
        """
