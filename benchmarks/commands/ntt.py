"""The `ntt` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands.options import add_memory_option, add_output_options, seconds
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.memory import in_words
from benchmarks.operations.transforms import (
    DEGREES,
    LARGEST_BITS,
    MODULUS_BITS,
    TransformRow,
    run,
    speedups,
)
from benchmarks.peers import hexl
from nn.cli.options import Subparsers
from ntt.terminal import say, show
from ntt.threads import machine_threads


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "ntt",
        help="the number-theoretic transforms of every backend, in ns a butterfly",
        description="Forward and inverse transforms of one limb on one thread; the backends take "
        "turns. The limit is the least time that this machine's multipliers and caches allow. The "
        "memory is what a process needs for tables and residues.",
    )
    parser.add_argument(
        "--degree",
        type=int,
        action="append",
        metavar="N",
        help=f"ring degree; may be repeated (default: {', '.join(map(str, DEGREES))})",
    )
    parser.add_argument(
        "--backend", action="append", metavar="NAME", help="only this backend; may be repeated"
    )
    parser.add_argument(
        "--modulus-bits",
        type=int,
        choices=range(20, LARGEST_BITS + 1),
        default=MODULUS_BITS,
        metavar="BITS",
        help=f"of the primes, from 20 to {LARGEST_BITS} (default: %(default)s)",
    )
    parser.add_argument(
        "--peers", action="store_true", help="also time Intel HEXL, where it is installed"
    )
    parser.add_argument(
        "--hexl",
        type=Path,
        metavar="FOLDER",
        help=f"where HEXL's include and lib are (default: ${hexl.ENVIRONMENT_VARIABLE}, "
        "/usr/local, /usr)",
    )
    parser.add_argument(
        "--threads", action="store_true", help="also on all threads, eight limbs a thread"
    )
    parser.add_argument(
        "--seconds", type=seconds, default=2.0, help="time for each degree (default: %(default)s)"
    )
    add_memory_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the files."""
    peer = _peer(arguments)
    show(
        f"{'backend':<10} {'N':>6} {'operation':<9} threads  us a limb  ns a butterfly  of limit  "
        f"{'memory':>9}"
    )
    degrees = arguments.degree or DEGREES
    counts = [1, machine_threads()] if arguments.threads and machine_threads() > 1 else [1]
    rows = []
    for threads in counts:
        rows += run(
            degrees,
            arguments.backend,
            threads=threads,
            seconds=arguments.seconds,
            memory=arguments.memory,
            peer=peer,
            modulus_bits=arguments.modulus_bits,
            report=_print_row,
        )
    _print_speedups(rows)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.operations.plots import plot_transforms

        plot_transforms(rows, arguments.plot)
    return 0


def _peer(arguments: argparse.Namespace) -> hexl.Hexl | None:
    """HEXL if it was asked for; says why where there is none, and the rest is measured."""
    if not (arguments.peers or arguments.hexl):
        return None
    try:
        return hexl.load(arguments.hexl)
    except hexl.HexlError as error:
        say(f"{hexl.NAME} is left out: {error}")
        return None


def _print_speedups(rows: Sequence[TransformRow]) -> None:
    for ours, peer, factor in speedups(rows):
        show(
            f"{ours.backend:<10} {ours.N:>6} {ours.operation:<9} {factor:5.2f}x {peer.library} "
            f"{peer.version}"
        )


def _print_row(row: TransformRow) -> None:
    bound = row.limit_ns_per_butterfly
    share = f"{100 * bound / row.median_ns_per_butterfly:.0f}%" if bound else ""
    show(
        f"{row.backend or row.library:<10} {row.N:>6} {row.operation:<9} {row.threads:>7}  "
        f"{row.median_s * 1e6:9.1f}  {row.median_ns_per_butterfly:14.3f}  {share:>8}  "
        f"{in_words(row.peak_bytes):>9}",
    )
