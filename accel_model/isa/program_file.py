"""Programs in files: NumPy's .npz, with a JSON header that carries the version.

A file may also hold arrays: those that the program reads, and those that it must leave. They are
members named data/KIND/NAME, as in `Program.objects`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from accel_model.errors import ProgramError, ProgramFileError
from accel_model.isa import EXTERNAL, INSTRUCTION, Data, ExternalObject, Operation, Program
from he.format.archive import ArchiveError, read_arrays
from he.format.files import replaced_file

FORMAT = "he-accel program"
VERSION = 1

LARGEST_BYTES = 8 << 30
"""The most memory that a file's arrays may take: those of a deep network at N = 2^16 fit."""

_DATA = "data/"


def save(program: Program, path: Path | str, data: Data | None = None) -> None:
    """Write `program` to `path`: arrays `instructions` and `externals`, and a JSON `header`.

    data: arrays that are written beside the program; arrays of other objects are left out.
    """
    known = {(o.kind, o.name) for o in program.objects}
    members: dict[str, Any] = {
        f"{_DATA}{kind}/{name}": array
        for (kind, name), array in (data or {}).items()
        if (kind, name) in known
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "N": program.N,
        "moduli": list(program.moduli),
        "objects": [asdict(o) for o in program.objects],
        "operations": [asdict(o) for o in program.operations],
    }
    with replaced_file(path, "wb") as file:
        np.savez_compressed(
            file,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            instructions=program.instructions,
            externals=program.externals,
            **members,
        )


def load(path: Path | str) -> Program:
    """Read the program that `save` wrote. Nothing in the file is run (no pickles).

    Raises `ProgramFileError` for any other file, `OSError` where there is none.
    """
    members = _members(path, ("header", "instructions", "externals"))
    header = _header(members, path)
    try:
        instructions, externals = members["instructions"], members["externals"]
    except KeyError as problem:
        raise ProgramFileError(f"{path}: the file has no member {problem}") from problem
    for name, array, dtype in (
        ("instructions", instructions, INSTRUCTION),
        ("externals", externals, EXTERNAL),
    ):
        if array.dtype != dtype:
            raise ProgramFileError(f"{path}: `{name}` are {array.dtype}: {dtype} is needed")
    try:
        return _program(header, instructions, externals)
    except ProgramError as problem:
        raise ProgramFileError(f"{path}: {problem}") from problem
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as problem:
        raise ProgramFileError(f"{path}: its header lacks or garbles {problem}") from problem


def load_data(path: Path | str) -> dict[tuple[str, str], np.ndarray]:
    """Read the arrays that `save` wrote beside a program, by (kind, name).

    Raises as `load` does, and `ProgramFileError` for a file without arrays.
    """
    members = _members(path, None)
    _header(members, path)
    data = {
        _object_of(name): array for name, array in members.items() if name.startswith(_DATA)
    }
    if not data:
        raise ProgramFileError(
            f"{path}: a program without data: write both with `python -m benchmarks export`"
        )
    return data


def _members(path: Path | str, names: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    try:
        return read_arrays(path, names, LARGEST_BYTES)
    except ArchiveError as problem:
        raise ProgramFileError(
            f"{problem}: a program file is needed, write it again with `save`"
        ) from problem


def _header(members: dict[str, np.ndarray], path: Path | str) -> dict[str, Any]:
    if "header" not in members:
        raise ProgramFileError(f"{path}: not a {FORMAT}: the file has no header")
    try:
        header = json.loads(members["header"].tobytes())
    except (ValueError, RecursionError) as problem:
        raise ProgramFileError(f"{path}: its header is no JSON ({problem})") from problem
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ProgramFileError(f"{path}: its header does not say {FORMAT!r}")
    if header.get("version") != VERSION:
        raise ProgramFileError(
            f"{path}: version {header.get('version')}, but version {VERSION} is needed: "
            f"lower the trace again"
        )
    return header


def _program(
    header: dict[str, Any], instructions: np.ndarray, externals: np.ndarray
) -> Program:
    return Program(
        N=int(header["N"]),
        moduli=tuple(int(q) for q in header["moduli"]),
        instructions=instructions,
        externals=externals,
        objects=tuple(
            ExternalObject(str(o["kind"]), str(o["name"]), tuple(int(n) for n in o["shape"]))
            for o in header["objects"]
        ),
        operations=tuple(
            Operation(str(o["kind"]), int(o["level"]), str(o["layer"]))
            for o in header["operations"]
        ),
    )


def _object_of(member: str) -> tuple[str, str]:
    kind, _, name = member.removeprefix(_DATA).partition("/")
    return kind, name
