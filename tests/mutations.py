"""Bytes as accidents and attackers leave them: cut, grown, overwritten, repeated, exchanged."""

from __future__ import annotations

import copy
import hashlib
import io
import math
import random
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from he.format.container import CHECKSUM_BYTES

EXTREMES = [0, 1, 2, 3, 0x7F, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 60, 1 << 63, (1 << 64) - 1]
WORDS = [b"null", b"true", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'""', b"9" * 400, b"[" * 3000]

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, -1e300, 5e-324, math.nan, math.inf, -math.inf]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 64, 1 << 17, 1 << 31, (1 << 63) - 1, -(1 << 63),
    (1 << 64) - 1, *NUMBERS, "", "x", "\x1b[2J", "affine", b"", bytes(16), bytes(32),
    [], [0], [[]], [1] * 9, {}, {"a": 1},
]  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The data with one to three changes; half of them in the first 300 bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        end = min(len(changed), chance.choice((300, len(changed))))
        at = chance.randint(0, end)
        count = chance.choice((1, 2, 8, 64, len(changed) // 3))
        kind = chance.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at : at + 8] = struct.pack("<Q", chance.choice(EXTREMES))
        elif kind == 2:
            changed[at : at + 4] = struct.pack(">I", chance.choice(EXTREMES) & 0xFFFFFFFF)
        elif kind == 3:
            del changed[at : at + count]
        elif kind == 4:
            changed[at:at] = chance.randbytes(min(count, 4096))
        elif kind == 5:
            changed[at:at] = changed[at : at + count]
        else:
            changed[at : at + chance.randint(0, 8)] = chance.choice(WORDS)
    return bytes(changed)


def mutated_archive(data: bytes, chance: random.Random) -> bytes:
    """An .npz archive that is well-formed as a ZIP file while a member of it is mutated."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = chance.choice(sorted(members))
    kind = chance.randrange(4)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[name] = members[chance.choice(sorted(members))]
    else:
        members[name] = mutated(members[name], chance)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, contents in members.items():
            archive.writestr(member, contents)
    return out.getvalue()


def mutated_png(data: bytes, chance: random.Random) -> bytes:
    """A PNG whose chunks carry right checksums while their contents are mutated."""
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    number = chance.randrange(len(chunks))
    kind, contents = chunks[number]
    chunks[number] = (chance.choice((kind, b"tRNS", b"PLTE", b"zTXt")), mutated(contents, chance))
    out = data[:8]
    for kind, contents in chunks:
        out += struct.pack(">I", len(contents)) + kind + contents
        out += struct.pack(">I", zlib.crc32(kind + contents))
    return out


def resealed(content: bytes) -> bytes:
    """A container from everything before its checksum, with its length and checksum put right."""
    sealed = bytearray(content)
    if len(sealed) >= 24:
        sealed[16:24] = struct.pack("<Q", len(sealed) + CHECKSUM_BYTES)
    digest = hashlib.blake2b(sealed, digest_size=CHECKSUM_BYTES, person=b"he-accel content")
    return bytes(sealed) + digest.digest()


def mutated_container(data: bytes, chance: random.Random) -> bytes:
    """A container whose bytes are mutated behind a right length and checksum."""
    return resealed(mutated(data[:-CHECKSUM_BYTES], chance))


def mutated_fields(data: bytes, chance: random.Random) -> bytes:
    """A well-formed container of which one to three values, of header or sections, are others.

    A section that is a container itself is mutated in the same way.
    """
    kind_length, head_length = struct.unpack_from("<HI", data, 10)
    body = 24 + kind_length + head_length
    header, descriptors = msgpack.unpackb(data[24 + kind_length : body])
    sections, start = [], body
    for descriptor in descriptors:
        sections.append(data[start : start + descriptor[3]])
        start += descriptor[3]
    tree, whole = [header, descriptors], list(range(len(sections)))
    for _ in range(chance.randint(1, 3)):
        if whole and chance.random() < 0.4:
            _mutate_section(sections, descriptors, whole.pop(chance.randrange(len(whole))), chance)
        else:
            holder, key = chance.choice(list(_places(tree)))
            holder[key] = _other_value(holder[key], chance)
    head = msgpack.packb(tree)
    prefix = data[:12] + struct.pack("<I", len(head)) + data[16 : 24 + kind_length]
    return resealed(prefix + head + b"".join(sections))


def _mutate_section(
    sections: list[bytes], descriptors: list[Any], number: int, chance: random.Random
) -> None:
    found = sections[number]
    if found.startswith(b"\x89HEA"):
        changed = mutated_fields(found, chance)
    elif chance.random() < 0.5 and len(found) >= 8:
        at = 8 * chance.randrange(len(found) // 8)
        word = struct.pack("<d", chance.choice(NUMBERS)) if chance.random() < 0.5 else (
            struct.pack("<q", chance.choice((0, 1, -1, 255, 1 << 40, -(1 << 63))))
        )
        changed = found[:at] + word + found[at + 8 :]
    else:
        changed = mutated(found, chance)
    sections[number] = changed
    described = descriptors[number] if number < len(descriptors) else None
    if isinstance(described, list) and len(described) == 4 and described[1] == "bytes":
        described[2:] = [[len(changed)], len(changed)]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value in nested lists and dictionaries."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _other_value(value: Any, chance: random.Random) -> Any:
    """A value beside this one, or one of another type."""
    if chance.random() < 0.4:
        return copy.deepcopy(chance.choice(VALUES))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        near = chance.choice((value + 1, value - 1, 2 * value, value // 2, -value, value + 64))
        return max(min(near, (1 << 64) - 1), -(1 << 63))
    if isinstance(value, float):
        return chance.choice((2 * value, value / 2, -value, value * (1 + 2**-52), *NUMBERS))
    if isinstance(value, bytes):
        return mutated(value, chance)
    if isinstance(value, str):
        return mutated(value.encode(), chance).decode("utf-8", "replace")
    if isinstance(value, list):
        items = list(value)
        chance.shuffle(items)
        return copy.deepcopy(chance.choice((items, items[:-1], items + items, [value])))
    return copy.deepcopy(chance.choice(VALUES))


def survivors(
    original: bytes,
    load: Callable[[bytes], object],
    named: tuple[type[Exception], ...],
    count: int,
    seed: int,
    mutate: Callable[[bytes, random.Random], bytes] = mutated,
) -> Iterator[tuple[bytes, object]]:
    """What still loads of `count` mutations. Any error but a named one is raised, with the seed.

    A named error must have a text.
    """
    for number in range(seed, seed + count):
        data = mutate(original, random.Random(number))
        try:
            loaded = load(data)
        except named as error:
            if not str(error):
                raise AssertionError(f"mutation {number}: an error without a text") from error
            continue
        except Exception as error:
            raise AssertionError(f"mutation {number}: {type(error).__name__}: {error}") from error
        yield data, loaded


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
