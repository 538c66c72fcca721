"""SEAL's envelope: a 16-byte header around every object, the outermost one perhaps compressed.

Little-endian: ``u16 0xA15E | u8 16 | u8 major | u8 minor | u8 compression | u16 0 | u64 size``,
size counting the header. SEAL 3.4 wrote ``u16 0xA15E | u8 0 | u8 compression | u32 size | u64 0``
instead. (SEAL, native/src/seal/serialization.h.)

Versions 3.4 to 4.x are read and written: (3, 7) by default, which every SEAL from 3.7 on loads;
SEAL 4.x loads version 4 only of its own minor.
"""

from __future__ import annotations

import io
import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

import zstandard

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, VersionError
from he.format.residue_packing import readonly_view
from he.validation import instance, name_of, whole_number, wrong_object

Buffer = bytes | bytearray | memoryview

HEADER_BYTES = 16
_MAGIC = 0xA15E
_HEADER = struct.Struct("<HBBBBHQ")
_HEADER_3_4 = struct.Struct("<HBBIQ")


class Version(NamedTuple):
    """The release of SEAL whose format the bytes have."""

    major: int
    minor: int

    @property
    def has_correction_factor(self) -> bool:
        """Whether ciphertexts carry BGV's correction factor."""
        return self.major == 4

    @property
    def has_generator_header(self) -> bool:
        """Whether a seed stands in an envelope that names its generator."""
        return self >= (3, 6)

    @property
    def has_zstd(self) -> bool:
        """Whether it knows zstd."""
        return self >= (3, 6)


DEFAULT_VERSION = Version(3, 7)


class Compression(IntEnum):
    """How the members of the outermost object are compressed."""

    NONE = 0
    ZLIB = 1
    ZSTD = 2


class Format(NamedTuple):
    """How an object is written: how compressed, and for which release of SEAL."""

    compression: Compression = Compression.NONE
    version: Version = DEFAULT_VERSION

    @property
    def inner(self) -> Format:
        """The format of an object inside another one, which is never compressed by itself."""
        return Format(Compression.NONE, self.version)


DEFAULT_FORMAT = Format()


class Header(NamedTuple):
    """A header, whose `size` counts itself."""

    version: Version
    compression: Compression
    size: int


def read_header(data: memoryview) -> Header:
    """The header at the start of `data`, whose size lies within `data`.

    Raises `ForeignBytesError`, `VersionError` or `CorruptBytesError`.
    """
    if len(data) < HEADER_BYTES:
        raise CorruptBytesError(f"{len(data)} bytes: a SEAL object has at least {HEADER_BYTES}")
    magic, header_size, major, minor, compression, reserved, size = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise ForeignBytesError(
            f"the bytes begin with {bytes(data[:2]).hex()}, a SEAL object with 5ea1"
        )
    if header_size == 0:
        _, _, compression, size, reserved = _HEADER_3_4.unpack_from(data)
        major, minor = 3, 4
    elif header_size != HEADER_BYTES:
        raise CorruptBytesError(f"a SEAL header of {header_size} bytes, not {HEADER_BYTES}")
    version = Version(major, minor)
    if not Version(3, 4) <= version < (5, 0):
        raise VersionError(
            f"the bytes have the format of SEAL {major}.{minor}; 3.4 to 4.x are read: load and "
            f"save them once with a SEAL of that range"
        )
    if compression not in Compression._value2member_map_ or reserved:
        raise CorruptBytesError(
            f"compression mode {compression} with reserved bits {reserved}: 0 to 2, and 0"
        )
    if not HEADER_BYTES <= size <= len(data):
        raise CorruptBytesError(f"a SEAL object of {size} bytes in {len(data)}")
    return Header(version, Compression(compression), size)


def open_envelope(data: Buffer, limit: int) -> tuple[Version, memoryview]:
    """The version and the uncompressed members of the one object that `data` holds.

    limit: the most bytes that the members can have; compressed data that goes on beyond it is
    refused before more memory is taken. Raises as `read_header`.
    """
    view = readonly_view(data)
    header = read_header(view)
    if header.size != len(view):
        raise CorruptBytesError(f"{len(view) - header.size} bytes follow the SEAL object")
    body = view[HEADER_BYTES:]
    if header.compression is Compression.ZLIB:
        body = memoryview(_inflate(body, limit))
    elif header.compression is Compression.ZSTD:
        body = memoryview(_decompress_zstd(body, limit))
    if len(body) > limit:
        raise CorruptBytesError(
            f"the members of the SEAL object have more than {limit} bytes, which is the most that "
            f"this kind of object has under these parameters"
        )
    return header.version, body


def checked_format(format: Format) -> Format:
    """`format`; raises `WrongObjectError` for what is none.

    Whether a release can be written says `envelope`.
    """
    instance(format, Format, "the format")
    instance(format.compression, Compression, "the compression of a format")
    if not isinstance(format.version, tuple) or len(format.version) != 2:
        raise wrong_object(format.version, name_of(Version), "the version of a format")
    major, minor = (whole_number(part, "a part of the version") for part in format.version)
    return Format(format.compression, Version(major, minor))


def envelope(members: bytes, format: Format = DEFAULT_FORMAT) -> bytes:
    """`members` behind a header; the inverse of `open_envelope`.

    Raises `ParameterError` for another version, for zstd before 3.6, which did not know it, and for
    4 GiB in version 3.4, whose header has 32 bits for the size.
    """
    compression, version = format
    name = f"SEAL {version.major}.{version.minor}"
    if not Version(3, 4) <= version < (5, 0):
        raise ParameterError(f"{name}: 3.4 to 4.x can be written")
    if compression is Compression.ZLIB:
        members = zlib.compress(members)
    elif compression is Compression.ZSTD:
        if not version.has_zstd:
            raise ParameterError(f"{name} knows no zstd: write 3.6 or later, or use zlib")
        members = zstandard.ZstdCompressor().compress(members)
    size = HEADER_BYTES + len(members)
    if version > (3, 4):
        return _HEADER.pack(_MAGIC, HEADER_BYTES, *version, compression, 0, size) + members
    if size >> 32:
        raise ParameterError(f"{name} holds objects below 4 GiB, not {size} bytes: write 3.5")
    return _HEADER_3_4.pack(_MAGIC, 0, compression, size, 0) + members


def _inflate(body: memoryview, limit: int) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        # One byte more than allowed tells a longer stream from one that just fits.
        members = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise CorruptBytesError(f"the zlib stream is damaged: {error}") from error
    if len(members) <= limit and (not decompressor.eof or decompressor.unused_data):
        raise CorruptBytesError("the zlib stream ends too early, or bytes follow it")
    return members


def _decompress_zstd(body: memoryview, limit: int) -> bytes:
    # The window is the one buffer whose size the stream chooses: SEAL makes it the content size.
    window = max(limit, 1 << zstandard.WINDOWLOG_MIN)
    decompressor = zstandard.ZstdDecompressor(max_window_size=window)
    try:
        # Across frames, so that bytes behind the first are not overlooked.
        with decompressor.stream_reader(io.BytesIO(body), read_across_frames=True) as stream:
            return stream.read(limit + 1)
    except zstandard.ZstdError as error:
        raise CorruptBytesError(f"the zstd stream is damaged: {error}") from error
