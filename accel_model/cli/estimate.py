"""`python -m accel_model estimate`: one program on one or several machines."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from accel_model.cli.output_files import picture_file, result_file
from accel_model.cli.workload import read_program
from accel_model.estimation.estimate import estimate
from accel_model.estimation.report import estimate_as_json, estimate_lines
from accel_model.machine.machine_file import load_machine
from he.format.files import replaced_file
from ntt.terminal import CountBar, show


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], machines: str
) -> None:
    """Add the command to the command line; machines: what `--machine` can be, for the help."""
    parser = commands.add_parser("estimate", help="one program on one or several machines")
    parser.add_argument("file", type=Path, help="a trace or a program")
    parser.add_argument("--machine", action="append", required=True, help=machines)
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the estimates to FILE"
    )
    parser.add_argument(
        "--plot",
        type=picture_file,
        metavar="FILE",
        help="draw the roofline and the share of the run that each unit works",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the estimates and write the files."""
    machines = [load_machine(name) for name in arguments.machine]
    results = []
    with CountBar("estimate", 1 + len(machines)) as bar:
        program = read_program(arguments.file)
        bar.advance()
        for machine in machines:
            results.append(estimate(program, machine))
            bar.advance()
    for result, machine in zip(results, machines, strict=True):
        show(*estimate_lines(result, machine))
    if arguments.json:
        rows = [estimate_as_json(*pair) for pair in zip(results, machines, strict=True)]
        with replaced_file(arguments.json, make_folders=True) as file:
            file.write(json.dumps(rows, indent=1) + "\n")
    if arguments.plot:
        from accel_model.estimation import plots

        plots.save(plots.estimate_figure(results, machines, program.N), arguments.plot)
    return 0
