"""The `rings` command."""

from __future__ import annotations

import argparse

from benchmarks.commands.options import (
    add_cases_option,
    add_output_options,
    chosen_cases,
    seconds,
)
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.rings import CASES, RingRow, run
from nn.cli.options import Subparsers
from ntt.backends.select import available_backends, set_backend
from ntt.terminal import show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "rings",
        help="CKKS on large rings: operations beside what their parts cost at measured rates",
        description="CKKS operations at the top level of large rings, on one thread. Beside each "
        "stands what its transforms, products and bytes cost at the rates of the same run: of one "
        "limb's transforms, of independent products, and of passes over memory.",
    )
    add_cases_option(parser, CASES, "N:LIMBS")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=4.0,
        help="time for each operation of a case (default: %(default)s)",
    )
    parser.add_argument(
        "--backend", metavar="NAME", help=f"one of {', '.join(available_backends())}"
    )
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the file."""
    cases = chosen_cases(arguments.case, CASES)
    if cases is None:
        return 2
    show(
        f"{'N':>6} limbs  {'operation':<16} {'ms':>7}  transforms  products  bytes  of the parts"
    )
    set_backend(arguments.backend)
    try:
        rows = run(cases, seconds=arguments.seconds, report=_print_row)
    finally:
        set_backend(None)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0


def _print_row(row: RingRow) -> None:
    show(
        f"{row.N:>6} {row.limbs:>2}+{row.special_limbs:<2}  {row.operation:<16} "
        f"{1e3 * row.best_s:7.2f}  {1e3 * row.transforms_s:10.2f}  {1e3 * row.products_s:8.2f}  "
        f"{1e3 * row.bytes_s:5.2f}  {row.best_s / row.cost_s:.2f}x"
    )
