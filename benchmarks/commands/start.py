"""The `start` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.start import StartRow, run
from nn.cli.options import Subparsers, add_count_option
from ntt.terminal import say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "start",
        help="from the start of a server process to its first answer",
        description="Times whole processes: a fresh interpreter reads plan, network, keys and one "
        "encrypted image from files, answers and ends. The kernels are compiled before.",
    )
    parser.add_argument("--network", default="mnist", help="of the zoo (default: %(default)s)")
    parser.add_argument(
        "--against",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="another checkout of the project, which takes turns; may be repeated",
    )
    add_count_option(parser, "--repeats", 20, "processes of each checkout")
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each step, write the file."""
    say(f"{arguments.network}: {arguments.repeats} processes of each checkout")
    rows = run(arguments.network, arguments.repeats, arguments.against)
    show(f"{'step':<18}{'least, ms':>10}{'median, ms':>12}  checkout")
    for row in rows:
        show(_line(row))
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0


def _line(row: StartRow) -> str:
    return f"{row.step:<18}{row.minimum_s * 1e3:>10.0f}{row.median_s * 1e3:>12.0f}  {row.checkout}"
