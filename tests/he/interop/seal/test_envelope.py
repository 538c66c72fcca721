"""Headers, compression, versions."""

from __future__ import annotations

import struct

import pytest

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, VersionError
from he.interop.seal.envelope import (
    DEFAULT_VERSION,
    Compression,
    Version,
    envelope,
    open_envelope,
)

MEMBERS = bytes(range(256)) * 3


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("version", [Version(3, 5), DEFAULT_VERSION, Version(4, 1), Version(4, 9)])
def test_envelope__opens_to_what_was_put_in(compression, version):
    data = envelope(MEMBERS, compression, version)
    found, members = open_envelope(data, len(MEMBERS))
    assert (found, bytes(members)) == (version, MEMBERS)


@pytest.mark.parametrize("compression", list(Compression))
def test_open_envelope__refuses_one_byte_beyond_the_limit(compression):
    data = envelope(MEMBERS, compression)
    with pytest.raises(CorruptBytesError, match=f"more than {len(MEMBERS) - 1} bytes"):
        open_envelope(data, len(MEMBERS) - 1)


def test_open_envelope__reads_the_header_of_version_3_4():
    data = struct.pack("<HBBIQ", 0xA15E, 0, 0, 16 + len(MEMBERS), 0) + MEMBERS
    assert open_envelope(data, 1000) == (Version(3, 4), memoryview(MEMBERS))


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
        open_envelope(envelope(MEMBERS, compression) + b"\0", 1000)


@pytest.mark.parametrize("version", [Version(3, 4), Version(5, 0)])
def test_envelope__refuses_versions_it_cannot_write(version):
    with pytest.raises(ParameterError, match=r"3\.5 to 4\.x can be written"):
        envelope(MEMBERS, version=version)
