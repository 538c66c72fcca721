"""The `bootstrap` command."""

from __future__ import annotations

import argparse

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.bootstrap import CASES, BootstrapRow, run
from nn.cli.options import Subparsers
from ntt.terminal import positive, say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    known = ", ".join(map(str, CASES))
    parser = subparsers.add_parser(
        "bootstrap",
        help="CKKS: bootstraps: seconds, bits of precision, levels left, bytes of keys",
        description="Bootstraps of random messages. Bits are those of the largest and of the mean "
        f"error that a bootstrap adds to a slot's part. The cases are {known}; the largest take "
        "6 GB of memory.",
    )
    parser.add_argument(
        "--case",
        action="append",
        metavar="NAME",
        help=f"may be repeated (default: all of {known})",
    )
    parser.add_argument(
        "--threads",
        action="append",
        type=positive,
        metavar="COUNT",
        help="number of threads; may be repeated (default: 1 and 2)",
    )
    parser.add_argument(
        "--repeats",
        type=positive,
        default=3,
        help="bootstraps that are timed on each number of threads (default: %(default)s)",
    )
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the file."""
    wanted = set(arguments.case or map(str, CASES))
    cases = [case for case in CASES if str(case) in wanted]
    if len(cases) != len(wanted):
        say(f"unknown case among {sorted(wanted)}: the cases are {', '.join(map(str, CASES))}")
        return 2
    show(
        f"{'case':<16} {'N':>6} {'slots':>6} threads {'s':>7}  levels  bits: worst  mean "
        f"promised  {'keys MB':>8}  {'slots levels bits / s':>21}"
    )
    rows = run(
        cases,
        thread_counts=arguments.threads or (1, 2),
        repeats=arguments.repeats,
        report=_print_row,
    )
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0


def _print_row(row: BootstrapRow) -> None:
    show(
        f"{row.case:<16} {row.N:>6} {row.slots:>6} {row.threads:>7} {row.best_s:7.2f}  "
        f"{row.levels:>6}  {row.worst_bits:11.1f} {row.mean_bits:5.1f} {row.predicted_bits:8.1f}  "
        f"{row.key_bytes / 1e6:8.0f}  {row.rate:21.0f}"
    )
