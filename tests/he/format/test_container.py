"""he.format.container: round trips, every kind of damage, crafted bytes with a valid checksum."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from he.errors import (
    CorruptBytesError,
    ForeignBytesError,
    ParameterError,
    SerializationError,
    VersionError,
)
from he.format import container
from he.format.container import (
    FORMAT_VERSION,
    MAGIC,
    MAX_HEADER_BYTES,
    kind_of,
    pack,
    unpack,
    unpacked,
)
from he.format.residue_packing import pack_residues

DTYPES = ["uint8", "int32", "uint32", "int64", "uint64", "float32", "float64", "complex128"]
HEADER = {"level": 3, "scale": 2.0**40, "name": "x", "seed": b"\x00\xff", "primes": [1, 2**64 - 1]}
EXAMPLE = pack(
    "ciphertext",
    HEADER,
    {
        "slots": np.arange(12, dtype=np.float64).reshape(3, 4),
        "limbs": pack_residues(np.full((2, 8), 96, dtype=np.uint64), [97, 97]),
        "empty": np.zeros((0, 5), dtype=np.uint8),
    },
)

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


def craft(
    head: bytes, payload: bytes = b"", kind: bytes = b"k", head_length: int | None = None
) -> bytes:
    """A container with any contents and a valid checksum, as the layout in the docstring says."""
    total = 24 + len(kind) + len(head) + len(payload) + 32
    prefix = struct.pack(
        "<8sHHIQ", MAGIC, 1, len(kind), len(head) if head_length is None else head_length, total
    )
    content = prefix + kind + head + payload
    digest = hashlib.blake2b(content, digest_size=32, person=b"he-accel content").digest()
    return content + digest


def craft_sections(descriptors: object, payload: bytes = b"", header: object = None) -> bytes:
    return craft(msgpack.packb([{} if header is None else header, descriptors]), payload)


# Round trips


@given(
    st.dictionaries(st.text(), plain_values, max_size=4),
    st.dictionaries(st.text(max_size=8), arrays | st.binary(max_size=40), max_size=4),
)
def test_pack__comes_back(header: dict[str, Any], sections: dict[str, Any]) -> None:
    contents = unpack(pack("thing", header, sections), "thing")
    assert contents.header == header
    assert list(contents.sections) == list(sections)
    for name, section in sections.items():
        if isinstance(section, bytes):
            assert contents.octets(name) == section
        else:
            restored = contents.array(name, section.dtype.name, section.shape)
            assert restored.tobytes() == section.tobytes()
            assert restored.flags.c_contiguous
            assert restored.flags.writeable


def test_pack__follows_the_documented_layout() -> None:
    head = msgpack.packb([{"level": 1}, [["a", "uint64", [2], 16], ["b", "bytes", [3], 3]]])
    payload = struct.pack("<2Q", 5, 2**64 - 1) + b"xyz"
    sections: dict[str, Any] = {"a": np.array([5, 2**64 - 1], dtype=np.uint64), "b": b"xyz"}
    assert pack("k", {"level": 1}, sections) == craft(head, payload)


def test_pack__stores_big_endian_and_strided_arrays_alike() -> None:
    plain = np.arange(20, dtype=np.int64).reshape(4, 5)
    expected = pack("k", {}, {"a": plain})
    assert pack("k", {}, {"a": plain.astype(">i8")}) == expected
    assert pack("k", {}, {"a": np.asfortranarray(plain)}) == expected


def test_unpack__reads_every_bytes_type() -> None:
    for data in (EXAMPLE, bytearray(EXAMPLE), memoryview(EXAMPLE)):
        assert unpack(data, "ciphertext").header == HEADER
    every_second = bytes(byte for value in EXAMPLE for byte in (value, 0))
    assert unpack(memoryview(every_second)[::2], "ciphertext").header == HEADER


def test_kind_of__reads_the_beginning_alone() -> None:
    assert kind_of(EXAMPLE) == kind_of(EXAMPLE[:40]) == "ciphertext"
    for data in (b"", EXAMPLE[:12], b"x" + EXAMPLE):
        with pytest.raises(SerializationError):
            kind_of(data)


def test_contents__fetch_what_is_there() -> None:
    contents = unpack(EXAMPLE, "ciphertext")
    header, sections = contents
    assert header == HEADER
    assert list(sections) == ["slots", "limbs", "empty"]
    assert contents.field("level", int) == 3
    assert contents.field("scale", float) == 2.0**40
    assert contents.field("primes", list) == [1, 2**64 - 1]
    assert contents.array("slots", "float64", (3, 4))[2, 3] == 11
    assert contents.residues("limbs", [97, 97], (2, 8)).tolist() == [[96] * 8] * 2
    assert contents.octets("limbs").readonly


# Damage


@given(st.integers(0, len(EXAMPLE) - 1), st.integers(1, 255))
def test_unpack__refuses_any_altered_byte(position: int, difference: int) -> None:
    altered = bytearray(EXAMPLE)
    altered[position] ^= difference
    with pytest.raises(SerializationError):
        unpack(altered, "ciphertext")


def test_unpack__refuses_every_truncation() -> None:
    with pytest.raises(ForeignBytesError):
        unpack(b"", "ciphertext")
    for length in range(1, len(EXAMPLE)):
        with pytest.raises(CorruptBytesError, match="truncated"):
            unpack(EXAMPLE[:length], "ciphertext")


@given(st.binary(min_size=1, max_size=64))
def test_unpack__refuses_trailing_bytes(tail: bytes) -> None:
    with pytest.raises(CorruptBytesError, match="followed by"):
        unpack(EXAMPLE + tail, "ciphertext")


@given(st.integers(0, len(EXAMPLE)), st.integers(0, len(EXAMPLE)), st.binary(max_size=40))
def test_unpack__refuses_any_spliced_bytes(start: int, stop: int, middle: bytes) -> None:
    spliced = EXAMPLE[:start] + middle + EXAMPLE[stop:]
    if spliced != EXAMPLE:
        with pytest.raises(SerializationError):
            unpack(spliced, "ciphertext")


@given(st.binary(max_size=200))
def test_unpack__refuses_foreign_bytes(data: bytes) -> None:
    with pytest.raises(SerializationError):
        unpack(data, "ciphertext")


def test_unpack__names_foreign_bytes_and_other_kinds() -> None:
    with pytest.raises(ForeignBytesError, match="not he-accel bytes"):
        unpack(b"PK\x03\x04" + bytes(200), "ciphertext")
    with pytest.raises(ForeignBytesError, match="'ciphertext', but a 'plaintext' is needed"):
        unpack(EXAMPLE, "plaintext")
    with pytest.raises(ForeignBytesError, match="str"):
        unpack("text", "plaintext")  # type: ignore[arg-type]


def test_unpack__names_a_newer_version() -> None:
    newer = bytearray(EXAMPLE)
    struct.pack_into("<H", newer, 8, FORMAT_VERSION + 1)
    with pytest.raises(VersionError, match=f"version {FORMAT_VERSION + 1}.*reads {FORMAT_VERSION}"):
        unpack(newer, "ciphertext")


# Crafted bytes whose checksum is right


@given(st.binary(max_size=120), st.binary(max_size=40))
def test_unpack__survives_any_header(head: bytes, payload: bytes) -> None:
    try:
        contents = unpack(craft(head, payload), "k")
    except CorruptBytesError:
        return
    assert isinstance(contents.header, dict)


@given(plain_values, plain_values, st.binary(max_size=40))
def test_unpack__survives_any_decoded_header(
    header: object, descriptors: object, payload: bytes
) -> None:
    try:
        contents = unpack(craft_sections(descriptors, payload, header), "k")
    except CorruptBytesError:
        return
    assert contents.header == header or header is None


@pytest.mark.parametrize(
    "descriptors",
    [
        [["a", "uint64", [1 << 61], 8]],
        [["a", "uint64", [1 << 60], 1 << 63]],
        [["a", "uint64", [2], 16]],
        [["a", "uint64", [-1], -8]],
        [["a", "uint64", [True], 8]],
        [["a", "uint64", [1.0], 8]],
        [["a", "uint8", [0, 1 << 40, 1 << 40, 1 << 40], 0], ["b", "bytes", [8], 8]],
        [["a", "uint8", [1] * 9, 1], ["b", "bytes", [7], 7]],
        [["a", "object", [1], 8]],
        [["a", ">u8", [1], 8]],
        [["a", "bytes", [4], 4], ["a", "bytes", [4], 4]],
        [["a", "bytes", [7], 7]],
        [["a", "bytes", [8]]],
        [[b"a", "bytes", [8], 8]],
        ["abcd"],
        [8],
        {"a": 1},
        8,
    ],
)
def test_unpack__refuses_descriptors_that_do_not_fit(descriptors: object) -> None:
    with pytest.raises(CorruptBytesError):
        unpack(craft_sections(descriptors, bytes(8)), "k")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        msgpack.packb([{}]),
        msgpack.packb([{}, [], 0]),
        msgpack.packb({}),
        msgpack.packb([{}, []]) + b"\x00",
        msgpack.packb([{1: 2}, []]),
        msgpack.packb([{"t": msgpack.Timestamp(1)}, []]),
        msgpack.packb([{"e": msgpack.ExtType(5, b"x")}, []]),
        b"\x92\x81\xa1\xff\x00\x90",
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_unpack__refuses_headers_that_are_malformed(head: bytes) -> None:
    with pytest.raises(CorruptBytesError):
        unpack(craft(head), "k")


def test_unpack__refuses_lengths_that_overlap() -> None:
    with pytest.raises(CorruptBytesError, match="contradict"):
        unpack(craft(b"\x92\x80\x90", head_length=4), "k")
    with pytest.raises(CorruptBytesError, match="contradict"):
        unpack(craft(b"\x92\x80\x90" + bytes(MAX_HEADER_BYTES)), "k")


# What cannot be stored


@pytest.mark.parametrize(
    "header",
    [
        {"a": 1 << 64},
        {"a": object()},
        {"a": np.int64(1)},
        {1: 2},
        {"a": {2: 3}},
        {"a": bytes(MAX_HEADER_BYTES)},
    ],
)
def test_pack__refuses_headers_it_cannot_hold(header: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="header"):
        pack("k", header, {})


def test_pack__refuses_deep_headers() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ParameterError, match="nested deeper"):
        pack("k", {"a": deep}, {})


@pytest.mark.parametrize("kind", ["", "k" * 65, "caf\u00e9", "a\n"])
def test_pack__refuses_kinds_it_cannot_hold(kind: str) -> None:
    with pytest.raises(ParameterError, match="printable ASCII"):
        pack(kind, {}, {})


@pytest.mark.parametrize(
    "section", [np.array(["a"]), np.array([None]), np.zeros(2, np.float16), [1, 2], "text"]
)
def test_pack__refuses_sections_it_cannot_hold(section: Any) -> None:
    with pytest.raises(ParameterError, match="section 'a'"):
        pack("k", {}, {"a": section})


def test_contents__name_what_is_missing_or_different() -> None:
    contents = unpack(EXAMPLE, "ciphertext")
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: contents.field("depth", int), "'depth' is missing, needed is int"),
        (lambda: contents.field("level", float), "'level' is int, needed is float"),
        (lambda: contents.array("other", "uint8", (1,)), "'other' is missing"),
        (lambda: contents.array("limbs", "uint8", (1,)), "opaque bytes"),
        (lambda: contents.array("slots", "float64", (4, 3)), r"shape \(3, 4\), needed"),
        (lambda: contents.array("slots", "int64", (3, 4)), "float64"),
        (lambda: contents.octets("slots"), "an array"),
        (lambda: contents.residues("limbs", [89, 97], (2, 8)), "96 is not below its modulus 89"),
        (lambda: contents.residues("limbs", [97, 97], (1, 2, 16)), "take 32 bytes, got 16"),
    ]
    for fetch, message in refused:
        with pytest.raises(CorruptBytesError, match=message):
            fetch()


@pytest.fixture(params=[1, 2])
def beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of any length, checked before the block (one thread) and beside it (two)."""
    monkeypatch.setattr(container, "_LEAST_BESIDE", 0)
    monkeypatch.setattr(container, "free_threads", lambda: request.param)


def outcome(read: Callable[[], Any]) -> tuple[str, str] | str:
    """What a reader gives or raises, in words."""
    try:
        header, sections = read()
    except SerializationError as error:
        return type(error).__name__, str(error)
    return repr((header, {name: bytes(section) for name, section in sections.items()}))


@pytest.mark.usefixtures("beside")
def test_unpacked__gives_and_raises_what_unpack_does() -> None:
    def read(data: bytes, kind: str) -> Any:
        with unpacked(data, kind) as contents:
            return contents

    damaged = [EXAMPLE, EXAMPLE[:-1], EXAMPLE + b"x", b"", b"no container", MAGIC]
    for place in range(0, len(EXAMPLE), 7):
        flipped = bytearray(EXAMPLE)
        flipped[place] ^= 1 << (place % 8)
        damaged.append(bytes(flipped))
    for data in damaged:
        for kind in ("ciphertext", "secret key"):
            expected = outcome(lambda data=data, kind=kind: unpack(data, kind))
            assert outcome(lambda data=data, kind=kind: read(data, kind)) == expected


@pytest.mark.usefixtures("beside")
def test_unpacked__altered_bytes_are_told_whatever_the_block_raises() -> None:
    altered = bytearray(EXAMPLE)
    altered[-40] ^= 1
    with (
        pytest.raises(CorruptBytesError, match="checksum does not match"),
        unpacked(altered, "ciphertext"),
    ):
        raise ValueError("of the block")
    with pytest.raises(ValueError, match="of the block"), unpacked(EXAMPLE, "ciphertext"):
        raise ValueError("of the block")


def test_unpacked__leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "_LEAST_BESIDE", 0)
    monkeypatch.setattr(container, "free_threads", lambda: 2)
    with unpacked(EXAMPLE, "ciphertext"):
        pass
    assert not [t for t in threading.enumerate() if t.name == "he-accel-checksum"]
