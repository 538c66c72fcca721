"""The `primitives` command."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence

from accel_model.cli.output_files import picture_file, result_file
from benchmarks.commands.options import seconds
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.memory import Operations, add_memory_option, in_words, peak_bytes
from benchmarks.operations.primitives import CKKS, TURN_SECONDS, Row, Suite, run, speedups
from benchmarks.peers import Case, set_up
from ntt import threads
from ntt.backends.select import available_backends, backend_for, set_backend


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
        "--seconds", type=seconds, default=4.0, help="time for each operation of a case (default 4)"
    )
    parser.add_argument(
        "--turn",
        type=seconds,
        default=TURN_SECONDS,
        help="seconds that a library repeats an operation before the next one's turn; 0: one call, "
        f"which finds the caches as the others left them (default {TURN_SECONDS})",
    )
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help=f"force a backend of this library; this CPU has {', '.join(available_backends())}",
    )
    add_memory_option(parser)
    parser.add_argument("--json", type=result_file, metavar="FILE", help="write the rows there")
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="write a picture there")
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
    set_backend(arguments.backend)
    try:
        with threads.limit(1):
            rows = run(
                cases,
                arguments.peers,
                suite=suite,
                seconds=arguments.seconds,
                turn=arguments.turn,
            )
            _add_backends(rows)
            if arguments.memory:
                _add_peaks(rows, cases, suite)
    finally:
        set_backend(None)
    _print_speedups(rows)
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.operations.plots import plot_primitives

        plot_primitives(rows, arguments.plot)
    return 0


def workload(name: str, case: Case, modules: dict[str, str]) -> Iterator[Operations]:
    """A library's context, keys, ciphertexts and operations; for `benchmarks.operations.memory`."""
    importlib.import_module(f"benchmarks.peers.{modules[name]}")
    yield {}
    library = set_up(name, case, modules)
    assert not isinstance(library, str)  # it was set up before, or there were no rows of it
    yield library.operations


def _add_backends(rows: list[Row]) -> None:
    """Say in the parameters of our own rows which backend computed them."""
    for row in rows:
        sizes = (row.parameters.get("q_bits"), row.parameters.get("p_bits"))
        if row.library == "he-accel" and all(isinstance(bits, list) for bits in sizes):
            largest = max(max(bits) for bits in sizes if isinstance(bits, list))
            row.parameters["backend"] = backend_for(row.N, largest).__name__.rpartition(".")[2]


def _add_peaks(rows: list[Row], cases: Sequence[Case], suite: Suite) -> None:
    """Measure and print every library's peak memory, and add it to its rows."""
    by_name = {(case.N, case.depth): case for case in cases}
    found: dict[tuple[str, int, int], dict[str, int]] = {}
    for row in rows:
        key = row.library, row.N, row.depth
        if key not in found:
            case = by_name[row.N, row.depth]
            found[key] = peaks = peak_bytes(workload, row.library, case, dict(suite.modules))
            words = (f"{name} {in_words(peak)}" for name, peak in peaks.items())
            print(f"N={row.N:<6} depth {row.depth:<3} memory    {row.library}: {', '.join(words)}")
        row.peak_bytes = found[key].get(row.operation)


def _print_speedups(rows: list[Row]) -> None:
    for ours, peer, factor in speedups(rows):
        print(
            f"{ours.operation:<9} N={ours.N:<6} depth {ours.depth:<3} {factor:6.1f}x {peer.library}"
        )
