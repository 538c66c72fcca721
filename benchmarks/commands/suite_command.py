"""What the commands `primitives` and `bfv` share: a suite on one thread, beside the peers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.commands.options import add_memory_option, add_output_options, seconds
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.memory import in_words
from benchmarks.operations.suite import Row, Suite, add_backends, peaks_of, run, speedups
from benchmarks.operations.turns import TURN_SECONDS
from benchmarks.peers.library import Case
from ntt import threads
from ntt.backends.select import available_backends, set_backend
from ntt.terminal import say, show


def add_suite_options(parser: argparse.ArgumentParser, suite: Suite) -> None:
    """The options of a command that times a suite, and the function that runs the command."""
    parser.add_argument(
        "--peers", action="store_true", help="also time the other libraries that are installed"
    )
    parser.add_argument(
        "--case",
        action="append",
        metavar="N:DEPTH",
        help="ring degree and depth, for example 8192:2; may be repeated (default: all of "
        f"{_known(suite)})",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=4.0,
        help="time for each operation of a case (default: %(default)s)",
    )
    parser.add_argument(
        "--turn",
        type=seconds,
        default=TURN_SECONDS,
        help="seconds that a library repeats an operation before the next library's turn; 0 is one "
        "call, which finds the caches as the other libraries left them (default: %(default)s)",
    )
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help=f"the backend of this library, one of {', '.join(available_backends())}",
    )
    add_memory_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run_suite, suite=suite)


def run_suite(arguments: argparse.Namespace) -> int:
    """Time the suite, print the speed-ups, write the files."""
    suite: Suite = arguments.suite
    cases = suite.cases
    if arguments.case:
        cases = tuple(case for case in suite.cases if str(case) in arguments.case)
        if len(cases) != len(set(arguments.case)):
            say(
                f"unknown case among {sorted(set(arguments.case))}: the cases are {_known(suite)}"
            )
            return 2
    set_backend(arguments.backend)
    try:
        with threads.limit(1):
            rows = run(
                suite,
                cases,
                peers=arguments.peers,
                seconds=arguments.seconds,
                turn=arguments.turn,
            )
            add_backends(rows)
            if arguments.memory:
                _add_peaks(rows, cases, suite)
    finally:
        set_backend(None)
    for ours, peer, factor in speedups(rows):
        show(
            f"{ours.operation:<9} N={ours.N:<6} depth {ours.depth:<3} {factor:6.1f}x {peer.library}"
        )
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.operations.plots import plot_suite

        plot_suite(rows, arguments.plot)
    return 0


def _known(suite: Suite) -> str:
    return ", ".join(map(str, suite.cases))


def _add_peaks(rows: Sequence[Row], cases: Sequence[Case], suite: Suite) -> None:
    """Measure and print the peak memory of every library, and add it to the rows."""
    by_name = {(case.N, case.depth): case for case in cases}
    found: dict[tuple[str, int, int], dict[str, int]] = {}
    for row in rows:
        key = row.library, row.N, row.depth
        if key not in found:
            found[key] = peaks = peaks_of(suite, row.library, by_name[row.N, row.depth])
            words = (f"{name} {in_words(peak)}" for name, peak in peaks.items())
            show(f"N={row.N:<6} depth {row.depth:<3} memory    {row.library}: {', '.join(words)}")
        row.peak_bytes = found[key].get(row.operation)
