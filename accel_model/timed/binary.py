"""Timed programs as bytes.

| bytes | hold |
| --- | --- |
| 8 | `HEATIMED` |
| 4 | version, little-endian as all numbers |
| 4 | length of the header |
| 8 | length of the whole |
| header | JSON: `machine`, `radix`, `objects`, `data_bytes`, and how many entries each part has |
| 32 each | the queues: memory, moves, compute; padded to 4096 bytes before and between |
| 19 each | the limbs outside |
| 32 | SHA-256 of all before |
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from accel_model.errors import BinaryError, TimedProgramError
from accel_model.isa import ExternalObject
from accel_model.timed.program import INSTRUCTION_BYTES, PLACED, QUEUES, TimedProgram
from accel_model.timed.shape import Shape

MAGIC = b"HEATIMED"
VERSION = 1
_PREFIX = struct.Struct("<8sIIQ")
_PAGE = 4096
_DIGEST_BYTES = 32


def to_bytes(program: TimedProgram) -> bytes:
    """The program as bytes."""
    counts = {name: len(program.queue(name)) for name in QUEUES} | {"placed": len(program.placed)}
    header = {
        "machine": program.shape.plain(),
        "radix": program.radix,
        "objects": [asdict(o) for o in program.objects],
        "data_bytes": program.data_bytes,
        "counts": counts,
    }
    text = json.dumps(header, sort_keys=True).encode()
    parts = [_PREFIX.pack(MAGIC, VERSION, len(text), 0), text]
    length = sum(map(len, parts))
    for name in QUEUES:
        padding = bytes(-length % _PAGE)
        parts += [padding, program.queue(name).tobytes()]
        length += len(padding) + len(parts[-1])
    parts.append(program.placed.tobytes())
    length += len(parts[-1]) + _DIGEST_BYTES
    parts[0] = _PREFIX.pack(MAGIC, VERSION, len(text), length)
    content = b"".join(parts)
    return content + hashlib.sha256(content).digest()


def from_bytes(content: bytes) -> TimedProgram:
    """The program that `to_bytes` wrote. Raises `BinaryError` for any other bytes."""
    header = _header(content)
    try:
        counts = header["counts"]
        arrays = {
            name: np.frombuffer(content, QUEUES[name], counts[name], offset).copy()
            for name, offset in queue_offsets(content).items()
        }
        offset = len(content) - _DIGEST_BYTES - counts["placed"] * PLACED.itemsize
        placed = np.frombuffer(content, PLACED, counts["placed"], offset).copy()
        objects = tuple(
            ExternalObject(str(o["kind"]), str(o["name"]), tuple(int(n) for n in o["shape"]))
            for o in header["objects"]
        )
        shape = Shape.of(header["machine"])
        return TimedProgram(
            shape, int(header["radix"]), objects, placed, **arrays, data_bytes=header["data_bytes"]
        )
    except (KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, TimedProgramError):
            raise
        raise BinaryError(f"a timed program's header lacks or garbles {problem}") from problem


def queue_offsets(content: bytes) -> dict[str, int]:
    """Where each queue begins in the bytes of a program."""
    header = _header(content)
    return dict(_offsets(content, header["counts"]))


def _offsets(content: bytes, counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    end = _PREFIX.size + _PREFIX.unpack_from(content)[2]
    for name in QUEUES:
        end += -end % _PAGE
        yield name, end
        end += counts[name] * INSTRUCTION_BYTES


def _header(content: bytes) -> dict[str, Any]:
    if len(content) < _PREFIX.size or content[:8] != MAGIC:
        raise BinaryError(
            f"no timed program: it begins with {content[:8]!r}, and {MAGIC!r} is needed: "
            "`accel_model.timed.binary.to_bytes` writes one"
        )
    _, version, header_bytes, length = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise BinaryError(
            f"a timed program of version {version}: this machine runs version {VERSION}; compile "
            "the program again"
        )
    if len(content) < length:
        raise BinaryError(f"a timed program of {length} bytes is cut short: {len(content)} given")
    given = hashlib.sha256(content[:-_DIGEST_BYTES]).digest()
    if len(content) != length or given != content[-_DIGEST_BYTES:]:
        raise BinaryError("a timed program was altered: its checksum differs; compile it again")
    header: dict[str, Any] = json.loads(content[_PREFIX.size : _PREFIX.size + header_bytes])
    return header
