"""`python -m accel_model fhetch`: programs and traces as FHETCH text, and back."""

from __future__ import annotations

import argparse
from pathlib import Path

from accel_model.cli.output_files import result_file
from accel_model.cli.workload import FHETCH_SUFFIX, read_fhetch, read_program
from accel_model.errors import ProgramFileError
from accel_model.isa import program_file
from accel_model.isa.fhetch import fhetch_lines
from he.format.files import replaced_file
from ntt.terminal import show

_LARGEST_N = 1 << 20


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "fhetch",
        help="a program or trace as an FHETCH text trace, or such a trace as a program",
        description="Reads a program (.npz), a trace, or an FHETCH trace (.fhetch), and writes an "
        "FHETCH trace (.fhetch) or a program (.npz).",
    )
    parser.add_argument("file", type=Path, help="a program, a trace, or an FHETCH trace")
    parser.add_argument(
        "-o", "--output", type=result_file, required=True, metavar="FILE",
        help="FILE.fhetch or FILE.npz",
    )  # fmt: skip
    parser.add_argument(
        "--extended", action="store_true",
        help="write overflow counts, which FHETCH has no instruction for, as comments",
    )  # fmt: skip
    parser.add_argument(
        "--ring-degree", type=int, metavar="N",
        help="of an FHETCH trace that does not state it",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read one form, write the other."""
    N: int | None = arguments.ring_degree
    if N is not None and (not 2 <= N <= _LARGEST_N or N & (N - 1)):
        raise ProgramFileError(
            f"--ring-degree {N}: a power of two from 2 to {_LARGEST_N} is needed"
        )
    output: Path = arguments.output
    if output.suffix not in (FHETCH_SUFFIX, ".npz"):
        raise ProgramFileError(f"--output {output}: its name must end in {FHETCH_SUFFIX} or .npz")
    source: Path = arguments.file
    is_fhetch = source.suffix == FHETCH_SUFFIX
    program = read_fhetch(source, N) if is_fhetch else read_program(source)
    if output.suffix == ".npz":
        program_file.save(program, output, {})
    else:
        lines = list(fhetch_lines(program, extended=arguments.extended))
        with replaced_file(output, make_folders=True) as file:
            file.writelines(f"{line}\n" for line in lines)
    show(f"{output}: {len(program)} instructions on limbs of N = {program.N}")
    return 0
