"""The project's byte format: one self-describing, checksummed container for every object.

Layout, little-endian, nothing between or after the parts:

    8 bytes   magic, 89 48 45 41 0D 0A 1A 0A: no text, and altered by any text-mode transfer
    u16       format version, 1
    u16       length k of the kind
    u32       length h of the header
    u64       length of the whole container in bytes
    k bytes   kind: what the object is, ASCII
    h bytes   header: msgpack of [metadata, [[name, dtype, shape, length in bytes], ...]]
    ...       the sections' bytes, in that order
    32 bytes  BLAKE2b-256 of everything before, personalised "he-accel content"

The checksum finds accidents. It is no signature: anyone can make bytes with a valid checksum, so
whoever reads a container still checks every value against the parameters it belongs to, and
memory is only ever allocated in proportion to bytes that are really there.

Residues go in as opaque bytes, packed by `he.format.residue_packing`.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, VersionError
from he.format.contents import Contents as Contents
from he.format.contents import Section as Section
from he.format.contents import checked_values as checked_values
from he.format.residue_packing import readonly_view
from ntt.threads import free_threads

MAGIC = b"\x89HEA\r\n\x1a\n"
FORMAT_VERSION = 1
CHECKSUM_BYTES = 32
MAX_KIND_BYTES = 64
MAX_HEADER_BYTES = 1 << 20
MAX_HEADER_DEPTH = 16
MAX_DIMENSIONS = 8
_PREFIX = struct.Struct("<8sHHIQ")
_PERSON = b"he-accel content"
_OPAQUE = "bytes"
_LEAST_BESIDE = 1 << 20
"""The length from which a checksum takes longer than the start of a thread."""
_DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("uint8", "int32", "uint32", "int64", "uint64", "float32", "float64", "complex128")
}

def pack(
    kind: str, header: Mapping[str, Any], sections: Mapping[str, NDArray[Any] | bytes | memoryview]
) -> bytes:
    """Put an object's metadata and sections into one container.

    - `kind`: what the object is, 1 to 64 printable ASCII characters, for example "ciphertext".
    - `header`: metadata of None, bool, int (64 bits), float, str, bytes, list and dict with str
      keys. Tuples come back as lists.
    - `sections`: arrays (uint8, int32, uint32, int64, uint64, float32, float64 or complex128; any
      shape of up to 8 dimensions) or opaque bytes, such as those of `pack_residues`.

    Raises `ParameterError` for a kind, header or section that the format cannot hold.
    """
    kind_bytes = _encode_kind(kind)
    descriptors: list[list[Any]] = []
    payloads: list[bytes | memoryview] = []
    for name, section in sections.items():
        dtype, shape, payload = _encode_section(name, section)
        descriptors.append([name, dtype, shape, len(payload)])
        payloads.append(payload)
    head = _encode_head(kind, header, descriptors)
    total = _PREFIX.size + len(kind_bytes) + len(head) + sum(map(len, payloads)) + CHECKSUM_BYTES
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(kind_bytes), len(head), total)
    parts = [prefix, kind_bytes, head, *payloads]
    return b"".join([*parts, _checksum(parts)])


def pack_to(
    file: IO[bytes],
    kind: str,
    header: Mapping[str, Any],
    section_bytes: Mapping[str, int],
    payloads: Iterable[bytes | memoryview],
) -> None:
    """`pack` to a file, one opaque section after the other: before them, only their lengths are
    needed.

    Raises `ParameterError` as `pack` does, and for sections of other lengths.
    """
    descriptors = [[name, _OPAQUE, [size], size] for name, size in section_bytes.items()]
    head, kind_bytes = _encode_head(kind, header, descriptors), _encode_kind(kind)
    total = packed_size(kind, header, section_bytes)
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(kind_bytes), len(head), total)
    state = hashlib.blake2b(digest_size=CHECKSUM_BYTES, person=_PERSON)

    def write(part: bytes | memoryview) -> None:
        state.update(part)
        file.write(part)

    for part in (prefix, kind_bytes, head):
        write(part)
    for (name, size), payload in zip(section_bytes.items(), payloads, strict=True):
        if len(payload) != size:
            raise ParameterError(f"section {name!r} has {len(payload)} bytes, not {size}")
        write(payload)
    file.write(state.digest())


def packed_size(kind: str, header: Mapping[str, Any], section_bytes: Mapping[str, int]) -> int:
    """The length of what `pack` returns for opaque sections of these lengths, without them.

    Raises `ParameterError` as `pack` does.
    """
    descriptors = [[name, _OPAQUE, [size], size] for name, size in section_bytes.items()]
    head = _encode_head(kind, header, descriptors)
    fixed = _PREFIX.size + len(_encode_kind(kind)) + CHECKSUM_BYTES
    return fixed + len(head) + sum(section_bytes.values())


def _encode_head(kind: str, header: Mapping[str, Any], descriptors: list[list[Any]]) -> bytes:
    _check_plain(dict(header), "header")
    try:
        head = msgpack.packb([dict(header), descriptors], use_bin_type=True)
    except (OverflowError, ValueError) as error:
        raise ParameterError(f"the header of a {kind!r} cannot be stored: {error}") from error
    if len(head) > MAX_HEADER_BYTES:
        raise ParameterError(
            f"the header takes {len(head)} bytes, more than {MAX_HEADER_BYTES}; "
            "store large data as sections"
        )
    return bytes(head)


def unpack(data: bytes | bytearray | memoryview, expected_kind: str) -> Contents:
    """Take a container apart: Contents(header, sections).

    Arrays are fresh, writable and C-contiguous, in native byte order; opaque sections are
    read-only views into `data`.

    Raises `ForeignBytesError` for bytes that are not this project's and for an intact object of
    another kind, `VersionError` for a format version that this release does not read, and
    `CorruptBytesError` for truncated, altered or trailing bytes and for contents that contradict
    themselves.
    """
    view = readonly_view(data)
    head = _check_lengths(view)
    _check_checksum(view)
    return _opened(view, head, expected_kind)


@contextlib.contextmanager
def unpacked(data: bytes | bytearray | memoryview, expected_kind: str) -> Iterator[Contents]:
    """`unpack` for a block that reads the contents; the checksum is computed beside the block.

    Altered bytes raise `CorruptBytesError` at the end of the block, whatever else the block raises,
    so what it made is not to be used before. Small bytes, and those of a caller that has one thread
    (`ntt.threads`), are unpacked before the block begins.
    """
    view = readonly_view(data)
    if len(view) < _LEAST_BESIDE or free_threads() == 1:
        yield unpack(view, expected_kind)
        return
    head = _check_lengths(view)
    errors: list[CorruptBytesError] = []

    def check() -> None:
        try:
            _check_checksum(view)
        except CorruptBytesError as error:
            errors.append(error)

    checker = threading.Thread(target=check, name="he-accel-checksum")
    checker.start()
    try:
        yield _opened(view, head, expected_kind)
    finally:
        checker.join()
        if errors:
            raise errors[0]


def _check_lengths(view: memoryview) -> tuple[int, int]:
    """Where the header begins and ends, if the container is as long as it says."""
    kind_length, head_length, total = _read_prefix(view)
    if len(view) != total:
        what = "truncated" if len(view) < total else "followed by foreign bytes"
        raise CorruptBytesError(f"the object takes {total} bytes, got {len(view)}: it is {what}")
    start = _PREFIX.size + kind_length
    end = start + head_length
    too_long = kind_length > MAX_KIND_BYTES or head_length > MAX_HEADER_BYTES
    if end > total - CHECKSUM_BYTES or too_long:
        raise CorruptBytesError("the lengths at the start of the object contradict each other")
    return start, end


def _check_checksum(view: memoryview) -> None:
    if _checksum([view[:-CHECKSUM_BYTES]]) != view[-CHECKSUM_BYTES:]:
        raise CorruptBytesError("the checksum does not match: the bytes were altered")


def _opened(view: memoryview, head: tuple[int, int], expected_kind: str) -> Contents:
    kind = kind_of(view)
    if kind != expected_kind:
        raise ForeignBytesError(f"these bytes hold a {kind!r}, but a {expected_kind!r} is needed")
    start, end = head
    header, descriptors = _decode_head(view[start:end])
    return Contents(header, dict(_decode_sections(descriptors, view[end:-CHECKSUM_BYTES])))


def kind_of(data: bytes | bytearray | memoryview) -> str:
    """What a container says that it is; `unpack` for that kind checks the rest.

    Raises ForeignBytesError, VersionError or CorruptBytesError for bytes that do not begin as a
    container does.
    """
    view = readonly_view(data)
    kind_length, _, _ = _read_prefix(view)
    kind = bytes(view[_PREFIX.size : _PREFIX.size + min(kind_length, MAX_KIND_BYTES)])
    return kind.decode("ascii", "backslashreplace")


def _checksum(parts: Sequence[bytes | memoryview]) -> bytes:
    state = hashlib.blake2b(digest_size=CHECKSUM_BYTES, person=_PERSON)
    for part in parts:
        state.update(part)
    return state.digest()


def _read_prefix(view: memoryview) -> tuple[int, int, int]:
    start = bytes(view[: len(MAGIC)])
    if start != MAGIC:
        if start and MAGIC.startswith(start):
            raise CorruptBytesError(f"the object is truncated: got {len(view)} bytes")
        raise ForeignBytesError(f"these are not he-accel bytes: they start with {start!r}")
    if len(view) < _PREFIX.size:
        raise CorruptBytesError(f"the object is truncated: got {len(view)} bytes")
    _, version, kind_length, head_length, total = _PREFIX.unpack(view[: _PREFIX.size])
    if version != FORMAT_VERSION:
        raise VersionError(
            f"the bytes are in format version {version}, this release reads {FORMAT_VERSION}; "
            "write them again, or use the release that wrote them"
        )
    return kind_length, head_length, total


def _encode_kind(kind: str) -> bytes:
    if not (kind.isascii() and kind.isprintable() and 1 <= len(kind) <= MAX_KIND_BYTES):
        raise ParameterError(
            f"kind {kind!r} must be 1 to {MAX_KIND_BYTES} printable ASCII characters"
        )
    return kind.encode("ascii")


def _encode_section(
    name: str, section: NDArray[Any] | bytes | memoryview
) -> tuple[str, list[int], bytes | memoryview]:
    if not isinstance(name, str):
        raise ParameterError(f"section name {name!r} must be a str")
    if isinstance(section, bytes | bytearray | memoryview):
        payload = readonly_view(section)
        return _OPAQUE, [len(payload)], payload
    if not isinstance(section, np.ndarray) or section.dtype.name not in _DTYPES:
        what = getattr(section, "dtype", type(section).__name__)
        raise ParameterError(
            f"section {name!r} is of type {what}; needed is bytes or an array of "
            f"{', '.join(_DTYPES)}"
        )
    if section.ndim > MAX_DIMENSIONS:
        raise ParameterError(
            f"section {name!r} has {section.ndim} dimensions, at most {MAX_DIMENSIONS} are stored"
        )
    stored = section.astype(_DTYPES[section.dtype.name], order="C", copy=False)
    return section.dtype.name, list(section.shape), stored.tobytes()


def _decode_head(head: memoryview) -> tuple[dict[str, Any], list[Any]]:
    try:
        decoded = msgpack.unpackb(head, raw=False, strict_map_key=True, ext_hook=_refuse_extension)
        header, descriptors = decoded
        _check_plain(header, "header")
    except (msgpack.exceptions.UnpackException, ValueError, TypeError, RecursionError) as error:
        raise CorruptBytesError(f"the header cannot be read: {error}") from error
    if not isinstance(header, dict) or not isinstance(descriptors, list):
        raise CorruptBytesError("the header is not a mapping followed by a list of sections")
    return header, descriptors


def _refuse_extension(code: int, _: bytes) -> None:
    raise ValueError(f"msgpack extension {code} is not part of the format")


def _check_plain(value: object, where: str, depth: int = 0) -> None:
    """Allow what comes back from msgpack as it went in (a tuple excepted: it becomes a list)."""
    if depth > MAX_HEADER_DEPTH:
        raise ParameterError(f"the header is nested deeper than {MAX_HEADER_DEPTH}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ParameterError(f"{where}: key {key!r} must be a str")
            _check_plain(item, f"{where}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]", depth + 1)
    elif value is not None and not isinstance(value, bool | int | float | str | bytes):
        raise ParameterError(f"{where} is of type {type(value).__name__}, which is not stored")


def _decode_sections(
    descriptors: list[Any], payload: memoryview
) -> Iterator[tuple[str, Section]]:
    seen: set[str] = set()
    start = 0
    for descriptor in descriptors:
        name, dtype, shape, length = _check_descriptor(descriptor)
        if name in seen:
            raise CorruptBytesError(f"section {name!r} occurs twice")
        seen.add(name)
        stop = start + length
        if stop > len(payload):
            raise CorruptBytesError(
                f"section {name!r} takes {length} bytes, only {len(payload) - start} are left"
            )
        block = payload[start:stop]
        if dtype == _OPAQUE:
            yield name, block
        else:
            yield name, _decode_array(name, block, dtype, shape)
        start = stop
    if start != len(payload):
        raise CorruptBytesError(f"{len(payload) - start} bytes belong to no section")


def _decode_array(
    name: str, block: memoryview, dtype: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    try:
        array = np.frombuffer(block, dtype=_DTYPES[dtype]).reshape(shape)
    except ValueError as error:  # an empty array whose other dimensions overflow
        raise CorruptBytesError(f"section {name!r} cannot have shape {shape}") from error
    return array.astype(array.dtype.newbyteorder("="))


def _check_descriptor(descriptor: object) -> tuple[str, str, tuple[int, ...], int]:
    match descriptor:
        case [str(name), str(dtype), list(shape), int(length)] if (
            (dtype == _OPAQUE or dtype in _DTYPES)
            and len(shape) <= MAX_DIMENSIONS
            and all(type(size) is int and size >= 0 for size in shape)
            and length >= 0
        ):
            item_bytes = 1 if dtype == _OPAQUE else _DTYPES[dtype].itemsize
            if math.prod(shape) * item_bytes != length:
                raise CorruptBytesError(
                    f"section {name!r} of shape {tuple(shape)} and dtype {dtype} "
                    f"cannot take {length} bytes"
                )
            return name, dtype, tuple(shape), length
    raise CorruptBytesError(f"section descriptor {descriptor!r} is malformed")
