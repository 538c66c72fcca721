"""No bytes crash, hang or bloat the loader: real objects, mutated, raise named errors or load."""

from __future__ import annotations

import contextlib
import functools
import struct
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from he.errors import CorruptBytesError, ParametersMismatchError, SerializationError
from he.interop.seal import Compression, EncryptionParameters, Format, UnknownGeneratorError
from he.interop.seal.envelope import HEADER_BYTES, envelope, open_envelope
from he.interop.seal.pyfhel import read_pyfhel_context

NAMES = [
    "parameters",
    "context",
    "secret_key",
    "public_key",
    "relin_keys",
    "galois_keys",
    "plaintext",
    "a",
]
CREATED = ["seeded_public_key", "seeded_relin_keys", "seeded_galois_keys"]
OBJECTS = [
    *(("ckks", name) for name in [*NAMES, *CREATED, "seeded_blake2xb", "seeded_shake256"]),
    *(("bfv", name) for name in [*NAMES, *CREATED]),
]
EXTREMES = [0, 1, 2, 3, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 60, 1 << 63, (1 << 64) - 1]


def load(vectors, name, data):
    """Read `data` as an object of that name."""
    converter = vectors.converter
    loaders = {
        "parameters": EncryptionParameters.from_bytes,
        "context": read_pyfhel_context,
        "secret_key": converter.load_secret_key,
        "public_key": converter.load_public_key,
        "relin_keys": converter.load_relin_keys,
        "galois_keys": converter.load_galois_keys,
        "plaintext": converter.load_plaintext,
    }
    plain = name.removeprefix("seeded_") if name in CREATED else name
    return loaders.get(plain, converter.load_ciphertext)(data)


@functools.cache
def created(converter, secret_key, name):
    """New seeded keys: the same ones for every example."""
    secret = converter.load_secret_key(secret_key)
    create = getattr(converter, name.replace("seeded_", "create_"))
    return create(secret, [3]) if name == "seeded_galois_keys" else create(secret)


def original(vectors, name):
    if name in CREATED:
        return created(vectors.converter, vectors.bytes("secret_key"), name)
    return vectors.converter.save_parameters() if name == "parameters" else vectors.bytes(name)


@st.composite
def mutations(draw):
    """A function on bytes: some bytes or words overwritten, a cut, an insertion, a repetition."""
    kind = draw(st.sampled_from(["byte", "word", "cut", "insert", "repeat"]))
    # Headers and shapes stand in front; half of the mutations aim there.
    place = draw(st.one_of(st.integers(0, 200), st.integers(0, 1 << 20)))
    byte, word = draw(st.integers(0, 255)), draw(st.sampled_from(EXTREMES))
    count = draw(st.integers(1, 64))

    def mutate(data):
        at = place % (len(data) + 1)
        if kind == "byte":
            return data[:at] + bytes([byte]) + data[at + 1 :]
        if kind == "word":
            return data[:at] + struct.pack("<Q", word) + data[at + 8 :]
        if kind == "cut":
            return data[:at] + data[at + count :]
        if kind == "insert":
            return data[:at] + bytes([byte]) * count + data[at:]
        return data[:at] + data[max(0, at - count) :]

    return mutate


@pytest.mark.parametrize(("scheme", "name"), OBJECTS)
@pytest.mark.parametrize("compression", list(Compression))
@given(changes=st.lists(mutations(), min_size=1, max_size=4), inside=st.booleans())
def test_mutated_bytes__load_or_raise_a_named_error(
    small_vectors, scheme, name, compression, changes, inside
):
    """inside: the members are changed and put in a valid envelope, else the finished bytes are."""
    vectors = small_vectors[scheme]
    data = original(vectors, name)
    plain = name == "context" or (compression is Compression.NONE and not inside)
    if not plain:
        version, members = open_envelope(data, len(data))
        data = bytes(members)
    if inside or plain:
        for change in changes:
            data = change(data)
    if not plain:
        data = envelope(data, Format(compression, version))
    if not inside and not plain:
        for change in changes:
            data = change(data)
    with contextlib.suppress(SerializationError, ParametersMismatchError):
        load(vectors, name, data)


@pytest.mark.parametrize(("scheme", "name"), OBJECTS)
def test_truncated_bytes__raise_a_named_error(small_vectors, scheme, name):
    data = original(small_vectors[scheme], name)
    for length in {*range(0, min(len(data), 300), 7), len(data) // 2, len(data) - 1}:
        with pytest.raises(SerializationError):
            load(small_vectors[scheme], name, data[:length])


@pytest.mark.parametrize("name", ["secret_key", "relin_keys", "galois_keys", "plaintext", "a"])
@pytest.mark.parametrize("compression", [Compression.ZLIB, Compression.ZSTD])
def test_compressed_data_that_grows__stops_at_the_limit(small_vectors, name, compression):
    bomb = bytes(1 << 28)
    bomb = zlib.compress(bomb) if compression == 1 else zstandard.compress(bomb)
    header = bytes([0x5E, 0xA1, 16, 3, 7, compression, 0, 0])
    data = header + struct.pack("<Q", HEADER_BYTES + len(bomb)) + bomb
    tracemalloc.start()
    with pytest.raises(CorruptBytesError):
        load(small_vectors["ckks"], name, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The limit is at most 16 parts of 4 limbs of 64 words, or eight times the bytes given.
    assert peak < 3 * (8 * len(data) + 16 * 4 * 64 * 8) + (1 << 18)


@pytest.mark.parametrize("count", [1 << 20, 1 << 40, (1 << 61) - 1, (1 << 64) - 1])
def test_an_array_that_lies_about_its_length__allocates_nothing(small_vectors, count):
    data = bytearray(small_vectors["ckks"].bytes("a"))
    # Header 16, parms_id 32, form 1, three shape words, scale and correction factor; array header.
    at = HEADER_BYTES + 33 + 40 + HEADER_BYTES
    assert struct.unpack_from("<Q", data, at)[0] == 2 * 3 * 64
    struct.pack_into("<Q", data, at, count)
    tracemalloc.start()
    with pytest.raises(CorruptBytesError, match="an array of"):
        small_vectors["ckks"].converter.load_ciphertext(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 18


@pytest.mark.parametrize("generator", [0, 3, 255])
def test_a_seed_of_an_unknown_generator__is_refused_by_name(small_vectors, generator):
    data = bytearray(small_vectors["ckks"].bytes("seeded_shake256"))
    assert data[-65] == 2
    data[-65] = generator
    with pytest.raises(UnknownGeneratorError, match=f"generator {generator};"):
        small_vectors["ckks"].converter.load_ciphertext(data)
