"""Bytes as accidents and attackers leave them: cut, grown, overwritten, repeated, exchanged."""

from __future__ import annotations

import io
import random
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

EXTREMES = [0, 1, 2, 3, 0x7F, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 60, 1 << 63, (1 << 64) - 1]
WORDS = [b"null", b"true", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'""', b"9" * 400, b"[" * 3000]


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
