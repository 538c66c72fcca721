"""`python -m accel_model`: estimate, sweep, validate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from accel_model.cli import sweep as sweep_command
from accel_model.cli.output_files import picture_file, result_file
from accel_model.cli.workload import read_program
from accel_model.errors import AcceleratorError
from accel_model.estimate.estimate import estimate
from accel_model.estimate.report import check_lines, estimate_as_json, estimate_lines
from accel_model.machine.description import load_machine, machine_names
from accel_model.validation.operation_counts import count_lines, explained, simfhe_run
from accel_model.validation.validate import (
    area_lines,
    exact_machines,
    other_machines,
    simulated_cycles,
    unmodelled_lines,
)
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
    one.add_argument("--json", type=result_file, metavar="FILE", help="write the estimates there")
    one.add_argument(
        "--plot",
        type=picture_file,
        metavar="FILE",
        help="draw the roofline, and where the cycles go",
    )
    one.set_defaults(run=_estimate)
    sweep_command.add_parser(commands, machines)
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


def _estimate(arguments: argparse.Namespace) -> int:
    machines = [load_machine(name) for name in arguments.machine]
    program = read_program(arguments.file)
    results = [estimate(program, machine) for machine in machines]
    for result, machine in zip(results, machines, strict=True):
        print(*estimate_lines(result, machine), sep="\n")
    if arguments.json:
        rows = [estimate_as_json(*pair) for pair in zip(results, machines, strict=True)]
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        from accel_model.estimate import plots

        plots.save(plots.estimate_figure(results, machines, program.N), arguments.plot)
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    del arguments
    simulated, exact, others = simulated_cycles(), exact_machines(), other_machines()
    counts = [*simfhe_run(), *explained()]
    print(*check_lines("(1) cycles of our own simulated units", simulated), sep="\n")
    print(*check_lines("(2) machines reproduced exactly", exact), sep="\n")
    print(*check_lines("(3) other machines", others), *unmodelled_lines(), sep="\n")
    print("    areas, as published or modelled", *area_lines(), sep="\n")
    print(*check_lines("(4) operation counts beside SimFHE's", counts), *count_lines(), sep="\n")
    return 0 if all(check.holds for check in simulated + exact) else 1
