"""The `bootstrap` command."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.commands.options import add_cases_option, add_output_options, chosen_cases
from benchmarks.commands.results_file import provenance, write_result
from benchmarks.operations.bootstrap import CASES, BootstrapRow, run
from benchmarks.operations.bootstrap_peers import PEERS, run_peers
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
    add_cases_option(parser, CASES, "NAME")
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
    parser.add_argument(
        "--peers",
        action="store_true",
        help=f"also measure {', '.join(PEERS.values())}, where they are installed; they take up to "
        "25 GB of memory, and minutes",
    )
    parser.add_argument(
        "--peer-python",
        action="append",
        type=_peer_python,
        default=[],
        metavar="NAME=FILE",
        help=f"the Python that has one of {', '.join(PEERS)}, where it is not this one; may be "
        "repeated",
    )
    parser.add_argument(
        "--peer-ring",
        action="append",
        type=_peer_ring,
        default=[],
        metavar="NAME=N",
        help="a smaller ring for one of the libraries, for want of memory: a power of two; may be "
        "repeated. Its parameters are then not secure",
    )
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the file."""
    cases = chosen_cases(arguments.case, CASES)
    if cases is None:
        return 2
    if not arguments.peers and (arguments.peer_python or arguments.peer_ring):
        say("--peer-python and --peer-ring say how other libraries are measured: add --peers")
        return 2
    show(
        f"{'case':<16} {'N':>6} {'slots':>6} threads {'s':>7}  levels  bits: worst  mean "
        f"promised  {'keys MB':>8}  {'slots levels bits / s':>21}"
    )
    thread_counts = arguments.threads or (1, 2)
    peers: dict[str, Any] = {}
    if arguments.peers:  # before our cases, whose memory they may need
        peers["peers"], peers["missing"] = run_peers(
            pythons=dict(arguments.peer_python),
            rings=dict(arguments.peer_ring),
            thread_counts=thread_counts,
            repeats=arguments.repeats,
            report=_print_peer,
        )
        for library, reason in peers["missing"].items():
            show(f"{library} was not measured: {reason}")
    rows = run(
        cases, thread_counts=thread_counts, repeats=arguments.repeats, report=_print_row
    )
    result = {"rows": [asdict(row) for row in rows], **peers}
    if arguments.json:
        write_result({**provenance(arguments.command_line), **result}, arguments.json)
    return 0


def _peer_python(text: str) -> tuple[str, str]:
    """A library and the interpreter that has it, for argparse."""
    name, _, python = text.partition("=")
    if name not in PEERS or not Path(python).is_file():
        raise argparse.ArgumentTypeError(
            f"{text!r}: one of {', '.join(PEERS)}, and a file, are needed, as in "
            "openfhe=/usr/bin/python3.10"
        )
    return name, python


def _peer_ring(text: str) -> tuple[str, int]:
    """A library and a ring degree, for argparse."""
    name, _, degree = text.partition("=")
    known = degree.isdecimal() and int(degree).bit_count() == 1
    if name not in PEERS or not known or not 1 << 11 <= int(degree) <= 1 << 16:
        raise argparse.ArgumentTypeError(
            f"{text!r}: one of {', '.join(PEERS)}, and a power of two from 2048 to 65536, are "
            f"needed, as in lattigo=32768"
        )
    return name, int(degree)


def _print_peer(row: dict[str, Any]) -> None:
    show(
        f"{row['library']:<16} {row['N']:>6} {row['slots']:>6} {row['threads']:>7} "
        f"{row['best_s']:7.2f}  {row['levels']:>6}  {row['worst_bits']:11.1f} "
        f"{row['mean_bits']:5.1f} {'':8}  {row['key_memory_bytes'] / 1e6:8.0f}  "
        f"{row['rate']:21.0f}"
    )


def _print_row(row: BootstrapRow) -> None:
    show(
        f"{row.case:<16} {row.N:>6} {row.slots:>6} {row.threads:>7} {row.best_s:7.2f}  "
        f"{row.levels:>6}  {row.worst_bits:11.1f} {row.mean_bits:5.1f} {row.predicted_bits:8.1f}  "
        f"{row.key_bytes / 1e6:8.0f}  {row.rate:21.0f}"
    )
