"""The `export` command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import numpy as np

from accel_model.cli.output_files import result_file
from accel_model.errors import ProgramError
from accel_model.isa import Program, program_file
from benchmarks.operations.export import part_of, traced_program
from nn.cli.options import Subparsers, add_planning_options, load_network, make_plan
from ntt.terminal import say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="an encrypted run, or some of its operations, as limb instructions with their data",
        description="Encrypts one blank image, runs the network on it, and lowers the run to a "
        "program. Writes the program with the ciphertext and key limbs that it reads and the limbs "
        "that it must leave, for `python -m rtl run`.",
    )
    parser.add_argument(
        "--network", default="mnist", metavar="NAME|FILE",
        help="a network of the zoo, or a file (default: %(default)s)",
    )  # fmt: skip
    add_planning_options(parser)
    parser.add_argument(
        "--operations",
        metavar="A[..B]",
        help="only these operations, with the numbers that --list shows (default: all)",
    )
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--list", action="store_true", help="show the operations, write nothing")
    wanted.add_argument(
        "-o", "--output", type=result_file, metavar="FILE", help="write the program to FILE (.npz)"
    )
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Run the network, lower the run, cut the program, write the file."""
    network = load_network(arguments.network)
    plan = make_plan(arguments, network)
    say(f"{network.name}: making {plan.rotations} rotation keys")
    program, data = traced_program(network, plan)
    if arguments.list:
        show(*_operation_lines(program))
        return 0
    if arguments.operations is not None:
        first, last = _bounds(arguments.operations, len(program.operations))
        say("executing the program in NumPy")
        program, data = part_of(program, data, first, last)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    program_file.save(program, arguments.output, data)
    show(
        f"{arguments.output}: {len(program)} instructions of {len(program.operations)} operations "
        f"on limbs of N = {program.N}"
    )
    return 0


def _operation_lines(program: Program) -> Iterator[str]:
    sizes = np.bincount(program.instructions["operation"], minlength=len(program.operations))
    for number, (operation, size) in enumerate(zip(program.operations, sizes, strict=True)):
        yield (
            f"{number:>4}  {operation.kind:<20} level {operation.level:<3} "
            f"{size:>7} instructions  {operation.layer}"
        )


def _bounds(words: str, count: int) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})(?:\.\.(\d{1,9}))?", words)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last < count:
        raise ProgramError(
            f"--operations {words}: A or A..B is needed, numbers from 0 to {count - 1}; "
            "--list shows them"
        )
    return first, last
