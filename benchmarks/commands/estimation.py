"""The `estimation` command."""

from __future__ import annotations

import argparse

from accel_model.cli.output_files import result_file
from accel_model.machine.machine_file import load_machine, machine_names
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.estimation import EstimationRow, run
from nn.cli.options import (
    add_count_option,
    add_planning_options,
    load_network,
    make_plan,
    positive,
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "estimation",
        help="how long the accelerator model takes, at several sizes of program",
        description="Traces encrypted batches of growing size, lowers them to programs and "
        "estimates those; processor seconds of one core, the smallest of the repeats.",
    )
    parser.add_argument(
        "--network", default="mnist", metavar="NAME|FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--images",
        type=positive,
        nargs="+",
        default=[1, 2, 4],
        metavar="COUNT",
        help="images in a batch: the sizes (default 1 2 4)",
    )
    parser.add_argument(
        "--machine",
        action="append",
        help=f"one of {', '.join(machine_names())}, or a .toml file (default: ecp5 and asic7)",
    )
    add_count_option(parser, "--repeats", 5, "timed estimates of each size")
    parser.add_argument("--json", type=result_file, metavar="FILE", help="write the rows there")
    add_planning_options(parser)
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the file."""
    machines = [load_machine(name) for name in arguments.machine or ("ecp5", "asic7")]
    network = load_network(arguments.network)
    plan = make_plan(arguments, network)
    print(f"{'images':>6}  {'machine':<10}{'instructions':>13}{'steps':>9}"
          f"{'lower, s':>10}{'estimate, s':>13}{'us an instruction':>19}")  # fmt: skip
    rows = run(network, plan, arguments.images, machines, arguments.repeats, _print_row)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0


def _print_row(row: EstimationRow) -> None:
    print(
        f"{row.images:>6}  {row.machine:<10}{row.instructions:>13,}{row.steps:>9,}"
        f"{row.lower_s:>10.3f}{row.estimate_s:>13.3f}{row.us_per_instruction:>19.1f}",
        flush=True,
    )
