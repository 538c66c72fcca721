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

import hashlib
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgpack
import numpy as np
from numpy.typing import NDArray

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, VersionError
from he.format.residue_packing import Allocate, readonly_view, unpack_residues
from ntt.memory import large_array

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
_DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("uint8", "int32", "uint32", "int64", "uint64", "float32", "float64", "complex128")
}

Section = NDArray[Any] | memoryview
"""What a section holds once read: an array, or a read-only view of opaque bytes."""

Field = TypeVar("Field", bool, int, float, str, bytes, list[Any], dict[str, Any])


class Contents(NamedTuple):
    """What a container holds: the header, and the sections by name.

    The methods fetch one item and raise `CorruptBytesError` where the item is missing, or of
    another type or shape than the reader needs.
    """

    header: dict[str, Any]
    sections: dict[str, Section]

    def field(self, name: str, needed: type[Field]) -> Field:
        """The header's item `name`, of exactly the type `needed` (a bool is no int)."""
        value = self.header.get(name)
        if type(value) is not needed:
            found = type(value).__name__ if name in self.header else "missing"
            raise CorruptBytesError(
                f"header field {name!r} is {found}, needed is {needed.__name__}"
            )
        return value

    def array(self, name: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
        """The array `name`, of exactly this dtype and shape."""
        section = self.sections.get(name)
        if isinstance(section, np.ndarray):
            found = f"{section.dtype.name} of shape {section.shape}"
            if section.dtype.name == dtype and section.shape == tuple(shape):
                return section
        else:
            found = "missing" if section is None else "opaque bytes"
        raise CorruptBytesError(
            f"section {name!r} is {found}, needed is {dtype} of shape {tuple(shape)}"
        )

    def octets(self, name: str) -> memoryview:
        """The opaque bytes `name`, as a read-only view."""
        section = self.sections.get(name)
        if not isinstance(section, memoryview):
            found = "missing" if section is None else "an array"
            raise CorruptBytesError(f"section {name!r} is {found}, needed are opaque bytes")
        return section

    def residues(
        self,
        name: str,
        moduli: Sequence[int],
        shape: Sequence[int],
        allocate: Allocate = large_array,
    ) -> NDArray[np.uint64]:
        """The residues packed in `name`: `shape` = (..., len(moduli), N), each value checked."""
        return unpack_residues(self.octets(name), moduli, shape, allocate)

    def check_sections(self, names: Iterable[str]) -> None:
        """Raise `CorruptBytesError` unless the sections are these, each named once."""
        needed = sorted(names)
        if needed != sorted(self.sections):
            raise CorruptBytesError(
                f"{len(self.sections)} sections do not match the {len(needed)} items listed"
            )


def checked_values(item: object, what: str, *types: type[Any]) -> Sequence[Any]:
    """`item`, if it is a list of values of exactly these types (a bool is no int).

    Raises `CorruptBytesError` otherwise; `what` is the item's name in the message.
    """
    if not isinstance(item, list) or len(item) != len(types):
        raise CorruptBytesError(f"{what} is not described by {len(types)} values")
    for value, needed in zip(item, types, strict=True):
        if type(value) is not needed:
            raise CorruptBytesError(
                f"{what}: {type(value).__name__} stands where {needed.__name__} is needed"
            )
    return item


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
    kind_length, head_length, total = _read_prefix(view)
    if len(view) != total:
        what = "truncated" if len(view) < total else "followed by foreign bytes"
        raise CorruptBytesError(f"the object takes {total} bytes, got {len(view)}: it is {what}")
    content = total - CHECKSUM_BYTES
    body = _PREFIX.size + kind_length + head_length
    if body > content or kind_length > MAX_KIND_BYTES or head_length > MAX_HEADER_BYTES:
        raise CorruptBytesError("the lengths at the start of the object contradict each other")
    if _checksum([view[:content]]) != view[content:]:
        raise CorruptBytesError("the checksum does not match: the bytes were altered")
    kind = kind_of(view)
    if kind != expected_kind:
        raise ForeignBytesError(f"these bytes hold a {kind!r}, but a {expected_kind!r} is needed")
    header, descriptors = _decode_head(view[_PREFIX.size + kind_length : body])
    return Contents(header, dict(_decode_sections(descriptors, view[body:content])))


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
