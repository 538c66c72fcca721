"""Headers, compression, versions."""

from __future__ import annotations

import struct

import pytest

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, VersionError
from he.interop.seal.envelope import (
    DEFAULT_VERSION,
    Compression,
    Format,
    Version,
    envelope,
    open_envelope,
)

MEMBERS = bytes(range(256)) * 3
VERSIONS = [Version(3, 4), Version(3, 5), DEFAULT_VERSION, Version(4, 1), Version(4, 9)]
FORMATS = [
    Format(c, v) for v in VERSIONS for c in Compression if c < Compression.ZSTD or v.has_zstd
]


@pytest.mark.parametrize(("compression", "version"), FORMATS)
def test_envelope__opens_to_what_was_put_in(compression, version):
    data = envelope(MEMBERS, Format(compression, version))
    found, members = open_envelope(data, len(MEMBERS))
    assert (found, bytes(members)) == (version, MEMBERS)


@pytest.mark.parametrize("compression", list(Compression))
def test_open_envelope__refuses_one_byte_beyond_the_limit(compression):
    data = envelope(MEMBERS, Format(compression))
    with pytest.raises(CorruptBytesError, match=f"more than {len(MEMBERS) - 1} bytes"):
        open_envelope(data, len(MEMBERS) - 1)


def test_envelope__has_another_header_in_version_3_4():
    data = struct.pack("<HBBIQ", 0xA15E, 0, 0, 16 + len(MEMBERS), 0) + MEMBERS
    assert open_envelope(data, 1000) == (Version(3, 4), memoryview(MEMBERS))
    assert envelope(MEMBERS, Format(version=Version(3, 4))) == data


class FourGibibytes(bytes):
    """Bytes that claim to be many."""

    def __len__(self):
        return 1 << 32


def test_envelope__refuses_what_version_3_4_cannot_hold():
    with pytest.raises(ParameterError, match="below 4 GiB"):
        envelope(FourGibibytes(), Format(version=Version(3, 4)))


@pytest.mark.parametrize("version", [Version(3, 4), Version(3, 5)])
def test_envelope__refuses_zstd_for_versions_before_it(version):
    with pytest.raises(ParameterError, match="knows no zstd"):
        envelope(MEMBERS, Format(Compression.ZSTD, version))


def reframed(data, change):
    """An envelope whose compressed members are changed, of the right size."""
    members = change(data[16:])
    return data[:8] + struct.pack("<Q", 16 + len(members)) + members


@pytest.mark.parametrize("compression", [Compression.ZLIB, Compression.ZSTD])
@pytest.mark.parametrize("behind", [b"\0", bytes(20), b"\x5e\xa1"])
def test_open_envelope__refuses_bytes_behind_the_stream(compression, behind):
    data = reframed(envelope(MEMBERS, Format(compression)), lambda members: members + behind)
    with pytest.raises(CorruptBytesError, match="stream"):
        open_envelope(data, 1000)


@pytest.mark.parametrize("compression", [Compression.ZLIB, Compression.ZSTD])
def test_open_envelope__refuses_a_second_stream(compression):
    data = reframed(envelope(MEMBERS, Format(compression)), lambda members: members + members)
    with pytest.raises(CorruptBytesError):
        open_envelope(data, len(MEMBERS))


@pytest.mark.parametrize("lost", [1, 4, 9])
def test_open_envelope__refuses_a_zlib_stream_that_ends_early(lost):
    data = reframed(envelope(MEMBERS, Format(Compression.ZLIB)), lambda members: members[:-lost])
    with pytest.raises(CorruptBytesError, match="stream"):
        open_envelope(data, 1000)


@pytest.mark.parametrize("lost", [1, 4, 9])
def test_open_envelope__gives_less_of_a_zstd_stream_that_ends_early(lost):
    """Which the readers of members refuse."""
    data = reframed(envelope(MEMBERS, Format(Compression.ZSTD)), lambda members: members[:-lost])
    assert len(open_envelope(data, 1000)[1]) < len(MEMBERS)


@pytest.mark.parametrize("version", [(3, 3), (2, 9), (5, 0), (0, 0)])
def test_open_envelope__names_a_version_out_of_range(version):
    data = bytearray(envelope(MEMBERS))
    data[3:5] = version
    with pytest.raises(VersionError, match=f"SEAL {version[0]}.{version[1]};"):
        open_envelope(data, 1000)


def test_open_envelope__refuses_foreign_bytes():
    with pytest.raises(ForeignBytesError, match="504b"):
        open_envelope(b"PK" + bytes(30), 1000)


@pytest.mark.parametrize(
    ("at", "value"), [(2, 15), (5, 3), (6, 1), (8, 0)], ids=["size", "mode", "reserved", "length"]
)
def test_open_envelope__refuses_a_damaged_header(at, value):
    data = bytearray(envelope(MEMBERS))
    data[at] = value
    with pytest.raises(CorruptBytesError):
        open_envelope(data, 1000)


@pytest.mark.parametrize("compression", list(Compression))
def test_open_envelope__refuses_bytes_that_follow(compression):
    with pytest.raises(CorruptBytesError, match="1 bytes follow"):
        open_envelope(envelope(MEMBERS, Format(compression)) + b"\0", 1000)


@pytest.mark.parametrize("version", [Version(3, 3), Version(5, 0)])
def test_envelope__refuses_versions_it_cannot_write(version):
    with pytest.raises(ParameterError, match=r"3\.4 to 4\.x can be written"):
        envelope(MEMBERS, Format(version=version))
