"""The `export` command."""

from __future__ import annotations

import argparse
import re

import numpy as np

import nn
from accel_model.cli.output_files import result_file
from accel_model.errors import ExecutionError, ProgramError
from accel_model.execution.executor import execute
from accel_model.isa import Program, program_file
from accel_model.isa.section import OPERANDS, RESULTS, cut
from accel_model.lowering.operations import lower
from he.trace import Tracer
from nn.cli.options import add_planning_options, load_network, make_plan
from nn.cli.session import status

Data = dict[tuple[str, str], np.ndarray]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "export",
        help="an encrypted run, or some of its operations, as limb instructions with their data",
        description="Runs one blank image encrypted, lowers the run to a program, and writes it "
        "with the ciphertext and key limbs that it reads and the limbs that it must leave, for "
        "`python -m rtl run`.",
    )
    parser.add_argument(
        "--network", default="mnist", metavar="NAME|FILE",
        help="a network of the zoo, or a file (default: %(default)s)",
    )  # fmt: skip
    add_planning_options(parser)
    parser.add_argument(
        "--operations", metavar="A[..B]", help="only these, as numbered in the trace (default: all)"
    )
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--list", action="store_true", help="show the operations, write nothing")
    wanted.add_argument(
        "-o", "--output", type=result_file, metavar="FILE", help="where to write (.npz)"
    )
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Run, lower, cut, write."""
    program, data = traced_program(arguments)
    if arguments.list:
        sizes = np.bincount(program.instructions["operation"], minlength=len(program.operations))
        for number, (operation, size) in enumerate(zip(program.operations, sizes, strict=True)):
            print(
                f"{number:>4}  {operation.kind:<20} level {operation.level:<3} "
                f"{size:>7} instructions  {operation.layer}"
            )
        return 0
    if arguments.operations is not None:
        first, last = _bounds(arguments.operations, len(program.operations))
        program, data = part(program, data, first, last)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    program_file.save(program, arguments.output, data)
    print(
        f"{arguments.output}: {len(program)} instructions of {len(program.operations)} operations "
        f"on limbs of N = {program.N}"
    )
    return 0


def traced_program(arguments: argparse.Namespace) -> tuple[Program, Data]:
    """The program of an encrypted run, and every array that it reads or leaves."""
    network = load_network(arguments.network)
    plan = make_plan(arguments, network)
    status(f"{network.name}: making {plan.rotations} rotation keys")
    client = nn.Client(plan)
    tracer = Tracer(plan.params, network.name)
    server = nn.Server(plan, network, client.evaluation_keys(), tracer=tracer)
    blank = np.full((1, *network.input_shape), np.mean(network.input_range))
    server.run(client.encrypt(blank))
    return lower(tracer.trace()), dict(tracer.arrays)


def part(program: Program, data: Data, first: int, last: int) -> tuple[Program, Data]:
    """Operations `first` to `last` as a program, with their operands and results: those of NumPy's
    executor, whose outputs are held against the run's. Raises `ExecutionError`."""
    status("executing the program in NumPy")
    outputs = execute(program, data)
    if any(not np.array_equal(array, data["output", name]) for name, array in outputs.items()):
        raise ExecutionError("NumPy's executor left other bits than the run")
    chosen = cut(program, first, last)
    data = dict(data)
    if chosen.operands:
        before = cut(program, 0, first - 1)
        left = execute(before.program, data)[RESULTS]
        place = dict(zip(before.results, left, strict=True))
        data["input", OPERANDS] = np.stack([place[value] for value in chosen.operands])
    results = execute(chosen.program, data)
    return chosen.program, data | {("output", name): array for name, array in results.items()}


def _bounds(words: str, count: int) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", words)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last < count:
        raise ProgramError(
            f"--operations {words}: A or A..B is needed, numbers from 0 to {count - 1}; "
            "--list shows them"
        )
    return first, last
