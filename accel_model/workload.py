"""What the commands work on: programs in files, or traces that are lowered to programs."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from accel_model.isa import Program, program_file
from accel_model.lowering import lower
from accel_model.machine_errors import WorkloadError
from accel_model.sweep import Variant, variants_of
from he import trace as traces


def read_program(path: Path) -> Program:
    """The program in a file, or that of the trace in it."""
    return program_file.load(path) if zipfile.is_zipfile(path) else lower(traces.load(path))


def read_variants(paths: Sequence[Path]) -> list[Variant]:
    """One file as it is; of several, all traces, told apart by their dnum and N.

    Raises `WorkloadError` if two agree in both, or one is a program, which states no dnum.
    """
    if len(paths) == 1:
        return [Variant({}, read_program(paths[0]))]
    for path in paths:
        if zipfile.is_zipfile(path):
            raise WorkloadError(
                f"{path} is a program, which states no dnum: give its trace, or this file alone"
            )
    found = [traces.load(path) for path in paths]
    return variants_of((trace, lower(trace)) for trace in found)
