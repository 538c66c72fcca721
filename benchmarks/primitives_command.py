"""The `primitives` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.primitives import CKKS, TURN_SECONDS, Row, Suite, run, speedups
from benchmarks.results_file import write_rows
from ntt import threads
from ntt.backends import select


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "primitives",
        help="encode, encrypt, decrypt, multiply, rotate: one thread, beside the peers",
        description="CKKS operations on one thread, at equal ring degree and usable depth and at "
        "least equal security; the libraries take turns, and every result is checked.",
    )
    add_options(parser, CKKS)


def add_options(parser: argparse.ArgumentParser, suite: Suite) -> None:
    """The options of a command that times a suite, and the suite itself."""
    parser.add_argument(
        "--peers", action="store_true", help="also time the other libraries that are installed"
    )
    parser.add_argument(
        "--case",
        action="append",
        metavar="N:DEPTH",
        help="ring degree and depth, for example 8192:2; default: all of "
        + ", ".join(f"{case.N}:{case.depth}" for case in suite.cases),
    )
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="time for each operation of a case (default 4)"
    )
    parser.add_argument(
        "--turn",
        type=float,
        default=TURN_SECONDS,
        help="seconds that a library repeats an operation before the next one's turn; 0: one call, "
        f"which finds the caches as the others left them (default {TURN_SECONDS})",
    )
    parser.add_argument("--backend", help="force a backend: scalar, fma or ifma")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a picture there")
    parser.set_defaults(run=command, suite=suite)


def command(arguments: argparse.Namespace) -> int:
    """Run, print the speed-ups, write the files."""
    suite: Suite = arguments.suite
    cases = suite.cases
    if arguments.case:
        wanted = set(arguments.case)
        cases = tuple(case for case in suite.cases if f"{case.N}:{case.depth}" in wanted)
        if len(cases) != len(wanted):
            known = ", ".join(f"{case.N}:{case.depth}" for case in suite.cases)
            print(f"unknown case among {sorted(wanted)}: the cases are {known}")
            return 2
    if arguments.backend:
        select.set_backend(arguments.backend)
    with threads.limit(1):
        rows = run(
            cases,
            arguments.peers,
            suite=suite,
            seconds=arguments.seconds,
            turn=arguments.turn,
        )
    _print_speedups(rows)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.plots import plot_primitives

        plot_primitives(rows, arguments.plot)
    return 0


def _print_speedups(rows: list[Row]) -> None:
    for ours, peer, factor in speedups(rows):
        print(
            f"{ours.operation:<9} N={ours.N:<6} depth {ours.depth:<3} {factor:6.1f}x {peer.library}"
        )
