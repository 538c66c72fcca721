"""The programs that commands work on: files with programs, or with traces that are lowered."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from accel_model.errors import LoweringError, ProgramError, WorkloadError
from accel_model.estimation.sweep import Variant, variants_of
from accel_model.isa import Program, ProgramFileError, program_file
from accel_model.isa.fhetch import parse_fhetch
from accel_model.lowering.operations import lower
from he import trace as traces
from he.format.files import read_text
from he.trace import OpTrace

FHETCH_SUFFIX = ".fhetch"
_LARGEST_FHETCH = 2 << 30


def read_program(path: Path) -> Program:
    """The program in a file: a program, an FHETCH trace (.fhetch), or a trace that is lowered."""
    if _is_program(path):
        return program_file.load(path)
    if path.suffix == FHETCH_SUFFIX:
        return read_fhetch(path)
    return _lowered(traces.load(path), path)


def read_fhetch(path: Path, N: int | None = None) -> Program:
    """The program of an FHETCH trace; N: the ring degree, where the file states none.

    Raises `ProgramFileError`, with file and line.
    """
    try:
        text = read_text(path, _LARGEST_FHETCH)
    except UnicodeDecodeError as error:
        raise ProgramFileError(f"{path}: not a text file: {error}") from error
    return parse_fhetch(text, str(path), N)


def _is_program(path: Path) -> bool:
    """Whether the file is an archive. A pipe is none: a look at its end would empty it."""
    return path.is_file() and zipfile.is_zipfile(path)


def _lowered(trace: OpTrace, path: Path) -> Program:
    """The trace's program; an error names the file and the line of the operation."""
    try:
        return lower(trace)
    except (LoweringError, ProgramError) as error:
        operation = error.operation if isinstance(error, LoweringError) else None
        line = traces.line_of(operation)
        raise LoweringError(f"{path}:{line}: {error}: record the trace again", operation) from error


def read_variants(paths: Sequence[Path]) -> list[Variant]:
    """The program of one file, or the traces of several, told apart by dnum and N.

    Raises `WorkloadError` where two traces agree in both, or where one of several files is a
    program, which does not state dnum.
    """
    if len(paths) == 1:
        return [Variant({}, read_program(paths[0]))]
    for path in paths:
        if _is_program(path):
            raise WorkloadError(
                f"{path} is a program, which does not state dnum: give its trace, or only this file"
            )
    found = [(traces.load(path), path) for path in paths]
    return variants_of((trace, _lowered(trace, path)) for trace, path in found)
