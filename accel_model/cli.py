"""`python -m accel_model`: estimate, sweep, validate."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from accel_model.config import load_machine, machine_names
from accel_model.errors import AcceleratorError
from accel_model.estimate import estimate
from accel_model.isa import Program, program_file
from accel_model.machine_errors import MachineFileError
from accel_model.report import check_lines, estimate_lines
from accel_model.sweep import sweep
from accel_model.validate import exact_machines, other_machines, simulated_cycles
from he import trace as traces


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m accel_model",
        description="Time, energy and area of an encrypted computation on an accelerator.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    machines = f"one of {', '.join(machine_names())}, or a .toml file"
    one = commands.add_parser("estimate", help="one program on one or several machines")
    one.add_argument("file", type=Path, help="a trace, or a program")
    one.add_argument("--machine", action="append", required=True, help=machines)
    one.add_argument("--json", type=Path, metavar="FILE", help="write the estimates there")
    one.set_defaults(run=_estimate)
    many = commands.add_parser("sweep", help="one program on variations of a machine, as CSV")
    many.add_argument("file", type=Path, help="a trace, or a program")
    many.add_argument("--machine", required=True, help=machines)
    many.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="NAME=V,V,..",
        help="a figure and its values, for example ntt.butterflies=4,8,16",
    )
    many.add_argument("--csv", type=Path, metavar="FILE", help="write there, not to the terminal")
    many.set_defaults(run=_sweep)
    commands.add_parser(
        "validate", help="the model beside the simulated hardware and published machines"
    ).set_defaults(run=_validate)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except (AcceleratorError, traces.TraceError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    return status


def read_program(path: Path) -> Program:
    """The program in a file, or that of the trace in it."""
    if zipfile.is_zipfile(path):
        return program_file.load(path)
    from accel_model.lowering import lower

    return lower(traces.load(path))


def _estimate(arguments: argparse.Namespace) -> int:
    machines = [load_machine(name) for name in arguments.machine]
    program = read_program(arguments.file)
    results = [estimate(program, machine) for machine in machines]
    for result, machine in zip(results, machines, strict=True):
        print(*estimate_lines(result, machine), sep="\n")
    if arguments.json:
        rows = [
            {**asdict(result), "figures": {n: asdict(f) for n, f in machine.figures.items()}}
            for result, machine in zip(results, machines, strict=True)
        ]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    machine = load_machine(arguments.machine)
    axes = {}
    for word in arguments.set:
        name, _, values = word.partition("=")
        try:
            axes[name] = [float(value) for value in values.split(",")]
        except ValueError as error:
            raise MachineFileError(f"--set {word}: NAME=V,V,.. is needed: {error}") from error
        if name not in machine.figures:
            raise MachineFileError(
                f"--set {word}: {machine.name} has no {name}; it has {', '.join(machine.figures)}"
            )
    points = sweep(read_program(arguments.file), machine, axes)
    rows = [
        [*point.values.values(), point.result.time_s, point.result.area.total,
         point.result.energy.total_j, int(point.optimal)]
        for point in points
    ]  # fmt: skip
    head = [*axes, "time_s", f"area_{points[0].result.area.unit}", "energy_j", "optimal"]
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])
    else:
        csv.writer(sys.stdout).writerows([head, *rows])
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    del arguments
    simulated, exact, others = simulated_cycles(), exact_machines(), other_machines()
    print(*check_lines("(1) cycles of our own simulated units", simulated), sep="\n")
    print(*check_lines("(2) machines reproduced exactly", exact), sep="\n")
    print(*check_lines("(3) other machines", others), sep="\n")
    return 0 if all(check.holds for check in simulated + exact) else 1
