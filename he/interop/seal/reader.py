"""Reading and writing the members of SEAL's objects."""

from __future__ import annotations

import struct

import numpy as np

from he.errors import CorruptBytesError
from he.interop.seal.envelope import (
    HEADER_BYTES,
    Compression,
    Format,
    Version,
    envelope,
    read_header,
)

_U64 = struct.Struct("<Q")
_F64 = struct.Struct("<d")
_WORDS = np.dtype("<u8")


class Reader:
    """A position in the members of an object; every step is checked against what is left."""

    def __init__(self, members: memoryview, version: Version) -> None:
        self.version = version
        self._rest = members

    def take(self, count: int) -> memoryview:
        """The next `count` bytes."""
        if count > len(self._rest):
            raise CorruptBytesError(
                f"the SEAL object ends {count - len(self._rest)} bytes too early"
            )
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def u8(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def u64(self) -> int:
        """One unsigned word."""
        value: int = _U64.unpack(self.take(8))[0]
        return value

    def f64(self) -> float:
        """One float64."""
        value: float = _F64.unpack(self.take(8))[0]
        return value

    def nested(self) -> Reader:
        """The members of the next object, which has a header of its own."""
        header = read_header(self._rest)
        if header.compression is not Compression.NONE:
            raise CorruptBytesError("an inner SEAL object is compressed; only outer ones can be")
        return Reader(self.take(header.size)[HEADER_BYTES:], header.version)

    def words(self) -> np.ndarray:
        """The next DynArray: uint64, as many as its count says and its bytes hold."""
        array = self.nested()
        count = array.u64()
        if 8 * count != len(array._rest):
            raise CorruptBytesError(
                f"an array of {count} words has {len(array._rest)} bytes, not {8 * count}"
            )
        return np.frombuffer(array.take(8 * count), dtype=_WORDS).astype(np.uint64)

    def end(self) -> None:
        """Raise `CorruptBytesError` unless everything has been read."""
        if self._rest:
            raise CorruptBytesError(f"{len(self._rest)} bytes too many in a SEAL object")


def u64(*values: int) -> bytes:
    """Unsigned words, as `Reader.u64` reads them."""
    return struct.pack(f"<{len(values)}Q", *values)


def f64(value: float) -> bytes:
    """A float64, as `Reader.f64` reads it."""
    return _F64.pack(value)


def words(array: np.ndarray, version: Version) -> bytes:
    """A DynArray, as `Reader.words` reads it."""
    data = u64(array.size) + array.astype(_WORDS).tobytes()
    return envelope(data, Format(version=version))


def words_bytes(count: int) -> int:
    """How many bytes a DynArray of `count` words takes."""
    return HEADER_BYTES + 8 + 8 * count
