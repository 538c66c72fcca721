"""Timed programs as text, a line for each entry, and back.

    machine {"N": 64, ..}
    radix 16777216
    data 81920
    object input "0" 2 4
    placed object=0 limb=1 modulus=1 factored=0 address=0x1000
    memory 1 FETCH staging=0 modulus=2 address=0x1000 beats=18
    moves 40 ARRIVE staging=0 slot=3 need=1
    compute 44 MULTIPLY unit=1 modulus=2 flags=SCALAR_B target=5 a=3 scalar=0x2f

Fields that are 0 may be left out. What follows `;` is a remark.
"""

from __future__ import annotations

import enum
import json
import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np

from accel_model.errors import AcceleratorError, AssemblyError
from accel_model.isa import ExternalObject
from accel_model.timed.program import (
    PLACED,
    QUEUES,
    Compute,
    Flag,
    Memory,
    Move,
    TimedProgram,
)
from accel_model.timed.shape import Shape

_OPCODES: dict[str, type[enum.IntEnum]] = {"memory": Memory, "moves": Move, "compute": Compute}
_HEXADECIMAL = ("address", "scalar", "addend")


def disassemble(program: TimedProgram) -> str:
    """The program as text."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: TimedProgram) -> Iterator[str]:
    yield f"machine {json.dumps(program.shape.plain())}"
    yield f"radix {program.radix}"
    yield f"data {program.data_bytes}"
    for o in program.objects:
        yield " ".join(["object", o.kind, json.dumps(o.name), *map(str, o.shape)])
    for row in program.placed:
        yield f"placed {_fields(row)}"
    for name in QUEUES:
        for row in program.queue(name):
            opcode = _OPCODES[name](int(row["opcode"])).name
            yield f"{name} {row['start']} {opcode} {_fields(row)}".rstrip()


def _fields(row: np.void) -> str:
    words = []
    for name in row.dtype.names or ():
        if name in ("start", "opcode") or name.startswith("unused") or not row[name]:
            continue
        value = int(row[name])
        text = hex(value) if name in _HEXADECIMAL else str(value)
        if name == "flags":
            text = "|".join(flag.name or "" for flag in Flag if value & flag)
        words.append(f"{name}={text}")
    return " ".join(words)


def assemble(text: str) -> TimedProgram:
    """The program of a text. Raises `AssemblyError` with the line that cannot be read."""
    found: dict[str, list[Any]] = {name: [] for name in ("object", "placed", *QUEUES)}
    single: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition(";")[0].strip()
        if not line:
            continue
        kind, _, rest = line.partition(" ")
        try:
            if kind == "machine":
                single[kind] = Shape.of(json.loads(rest))
            elif kind in ("radix", "data"):
                single[kind] = int(rest)
            elif kind == "object":
                of_kind, name, *shape = shlex.split(rest)
                found[kind].append(ExternalObject(of_kind, name, tuple(map(int, shape))))
            elif kind == "placed":
                found[kind].append(_row(PLACED, rest.split()))
            elif kind in QUEUES:
                start, opcode, *words = rest.split()
                values = {"start": int(start), "opcode": _named(kind, opcode)}
                found[kind].append(_row(QUEUES[kind], words, values))
            else:
                kinds = ", ".join(("machine", "radix", "data", *found))
                raise ValueError(f"{kind!r} begins no line: choose one of {kinds}")
        except (ValueError, KeyError, TypeError, OverflowError) as problem:
            raise AssemblyError(f"line {number}, {line[:60]!r}: {problem}") from problem
    if missing := {"machine", "radix", "data"} - set(single):
        raise AssemblyError(f"the text has no line {sorted(missing)[0]!r}")
    arrays = {name: np.array(found[name], dtype) for name, dtype in QUEUES.items()}
    try:
        return TimedProgram(
            single["machine"], single["radix"], tuple(found["object"]),
            np.array(found["placed"], PLACED), **arrays, data_bytes=single["data"],
        )  # fmt: skip
    except AcceleratorError as problem:
        raise AssemblyError(f"the lines do not fit each other: {problem}") from problem


def _named(queue: str, name: str) -> int:
    names = _OPCODES[queue].__members__
    if name not in names:
        raise ValueError(f"{name!r} is no opcode: choose one of {', '.join(names)}")
    return int(names[name])


def _row(
    dtype: np.dtype[np.void], words: list[str], values: dict[str, int] | None = None
) -> np.void:
    row = np.zeros(1, dtype)
    for name, number in (values or {}).items():
        row[name] = number
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in (dtype.names or ()) or name in ("start", "opcode"):
            known = ", ".join(n for n in dtype.names or () if not n.startswith("unused"))
            raise ValueError(f"{word!r} names no field: choose from {known}")
        if name == "flags":
            row[name] = sum(int(Flag[flag]) for flag in text.split("|"))
        else:
            row[name] = int(text, 0)
    result: np.void = row[0]
    return result
