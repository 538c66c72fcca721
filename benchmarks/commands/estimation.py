"""The `estimation` command."""

from __future__ import annotations

import argparse

from accel_model.machine.machine_file import load_machine
from benchmarks.commands.options import (
    DEFAULT_MACHINES,
    add_machine_option,
    add_network_options,
    add_output_options,
)
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.estimation import EstimationRow, run
from nn.cli.options import (
    Subparsers,
    add_count_option,
    add_planning_options,
    load_network,
    make_plan,
)
from ntt.terminal import show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "estimation",
        help="the time that the accelerator model takes, for programs of several sizes",
        description="Traces encrypted batches of growing size, lowers the traces to programs, and "
        "estimates the programs. Times are processor seconds of one core, the smallest of the "
        "repeats.",
    )
    add_network_options(parser, (1, 2, 4), "images in a batch")
    add_machine_option(parser)
    add_count_option(parser, "--repeats", 5, "timed estimates of each size")
    add_output_options(parser, picture=False)
    add_planning_options(parser)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the file."""
    machines = [load_machine(name) for name in arguments.machine or DEFAULT_MACHINES]
    network = load_network(arguments.network)
    plan = make_plan(arguments, network)
    show(f"{'images':>6}  {'machine':<10}{'instructions':>13}{'steps':>9}"
          f"{'lower, s':>10}{'estimate, s':>13}{'us an instruction':>19}")  # fmt: skip
    rows = run(network, plan, arguments.images, machines, arguments.repeats, _print_row)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0


def _print_row(row: EstimationRow) -> None:
    show(
        f"{row.images:>6}  {row.machine:<10}{row.instructions:>13,}{row.steps:>9,}"
        f"{row.lower_s:>10.3f}{row.estimate_s:>13.3f}{row.us_per_instruction:>19.1f}",
    )
