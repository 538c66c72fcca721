"""The `compare` command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import nn
from accel_model.cli.output_files import result_file
from accel_model.errors import MachineFileError
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine, machine_names
from benchmarks.commands.options import seconds
from benchmarks.commands.results_file import provenance, write_result
from benchmarks.comparison.compare import Comparison, Peer, accelerate, executed_program, sweep_size
from benchmarks.comparison.text import comparison_lines
from benchmarks.comparison.workloads import (
    OPERATIONS,
    SoftwareRun,
    WorkloadFailure,
    run_network,
    run_operation,
)
from benchmarks.operations import primitives
from benchmarks.operations.inference import run_tenseal
from benchmarks.peers import Case
from he import trace as traces
from nn.cli.options import (
    add_count_option,
    add_planning_options,
    add_threads_option,
    load_network,
    make_plan,
)
from nn.cli.session import status
from nn.terminal.compilation_notice import watch_compilation
from nn.terminal.progress import count_progress
from ntt import threads as ntt_threads

_DEFAULT_MACHINES = ("ecp5", "asic7")
_DEFAULT_CASE = Case(1 << 13, 2)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "compare",
        help="an encrypted run in software beside modelled accelerators that run its own trace",
        description="Runs the workload in software, timed and traced; lowers the trace to a "
        "program, which NumPy executes to the same bits; and estimates the program's time, energy "
        "and area on each machine. Every figure of a machine keeps its tag (measured, calibrated, "
        "published, remembered, assumed) and its origin; the report shows them all.",
    )
    parser.add_argument(
        "--workload",
        default="mnist",
        metavar="NAME|FILE",
        help=f"a network of the zoo ({', '.join(nn.zoo.names())}), a file that nn.save wrote, "
        f"or one operation ({', '.join(OPERATIONS)}) (default: %(default)s)",
    )
    parser.add_argument(
        "--machine",
        action="append",
        metavar="NAME|FILE",
        help=f"one of {', '.join(machine_names())}, or a .toml file; may be repeated "
        f"(default: {' and '.join(_DEFAULT_MACHINES)})",
    )
    add_threads_option(parser, default=1)
    add_count_option(parser, "--repeats", 20, "timed runs of a network")
    parser.add_argument(
        "--case",
        type=_case,
        default=_DEFAULT_CASE,
        metavar="N:DEPTH",
        help="ring degree and usable depth of an operation "
        f"(default: {_DEFAULT_CASE.N}:{_DEFAULT_CASE.depth})",
    )
    parser.add_argument(
        "--seconds", type=seconds, default=2.0, help="timed seconds of an operation (default 2)"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also time the other libraries that are installed: the operation at equal N and "
        "depth; for a network, TenSEAL's tutorial network",
    )
    parser.add_argument(
        "--no-sweep",
        action="store_true",
        help="leave out the variations of each machine (half, same and double of butterflies, "
        "lanes, memory and bandwidth), which --json and --html otherwise have",
    )
    for name, what in (
        ("--trace", "keep the run's trace there"),
        ("--json", "write the comparison there"),
        ("--html", "write a report with plots there"),
    ):
        parser.add_argument(name, type=result_file, metavar="FILE", help=what)
    add_planning_options(parser)
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Run, estimate, print, write the files."""
    machines = _machines(arguments.machine or _DEFAULT_MACHINES)
    files = [path for path in (arguments.trace, arguments.json, arguments.html) if path]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    with watch_compilation():
        software = _software(arguments)
    status(f"{software.name}: running its program in NumPy")
    program = executed_program(software)
    peers = _peers(arguments, software) if arguments.peers else []
    sweeping = bool(arguments.json or arguments.html) and not arguments.no_sweep
    total = sum(map(sweep_size, machines))
    with count_progress("variations of machines", total, sweeping) as progress:
        accelerators = [
            accelerate(
                program, machine, sweeping=sweeping, report=status, advance=progress.advance
            )
            for machine in machines
        ]
    comparison = Comparison(software, program, tuple(accelerators), tuple(peers))
    print(*comparison_lines(comparison), sep="\n")
    if arguments.trace:
        traces.save(software.trace, arguments.trace)
    origin = provenance(arguments.command_line)
    if arguments.json:
        write_result({**origin, **comparison.as_json()}, arguments.json)
    if arguments.html:
        from benchmarks.comparison.html import report

        arguments.html.write_text(report(comparison, origin), encoding="utf-8")
    return 0


def _software(arguments: argparse.Namespace) -> SoftwareRun:
    ntt_threads.check_threads(arguments.threads, "--threads")
    if arguments.workload in OPERATIONS:
        return run_operation(
            arguments.workload, arguments.case, seconds=arguments.seconds, threads=arguments.threads
        )
    if arguments.workload == "bootstrap":
        raise WorkloadFailure(
            "bootstrap: he.ckks does not bootstrap, so there is no run to compare: choose one of "
            f"{', '.join((*nn.zoo.names(), *OPERATIONS))}"
        )
    known = (*nn.zoo.names(), *OPERATIONS)
    if arguments.workload not in known and not Path(arguments.workload).is_file():
        raise WorkloadFailure(
            f"there is no workload {arguments.workload!r}: choose one of {', '.join(known)}, or "
            "name a file that nn.save wrote"
        )
    network = load_network(arguments.workload)
    plan = make_plan(arguments, network)
    if network.name in nn.zoo.names():
        image = nn.zoo.test_images(network.name)[0][:1]
    else:
        image = np.full((1, *network.input_shape), np.mean(network.input_range))
    return run_network(
        network, plan, image, repeats=arguments.repeats, threads=arguments.threads
    )


def _machines(names: Sequence[str]) -> list[Machine]:
    machines = [load_machine(name) for name in dict.fromkeys(names)]
    taken: dict[str, Machine] = {}
    for machine in machines:
        if machine.name in taken:
            raise MachineFileError(
                f"{machine.where('name')}: another machine is called {machine.name!r} too, in "
                f"{taken[machine.name].path}: give one another name"
            )
        taken[machine.name] = machine
    return machines


def _peers(arguments: argparse.Namespace, software: SoftwareRun) -> list[Peer]:
    """Other libraries: the same operation in turns with ours, or TenSEAL's own network."""
    if software.name in OPERATIONS:
        with ntt_threads.limit(1):
            rows = primitives.run(
                [arguments.case],
                True,
                operations=[software.name],
                seconds=arguments.seconds,
                report=status,
            )
        ours = rows[0].median_s
        what = f"{software.name} at equal N and depth, in turns with ours"
        return [
            Peer(row.library, row.version, what, row.median_s, ours, row.parameters)
            for row in rows[1:]
        ]
    status("TenSEAL: its tutorial network")
    try:
        row = run_tenseal(max(3, arguments.repeats // 4))
    except ImportError as error:
        status(f"TenSEAL is not installed: {error}")
        return []
    what = f"another network: {row.network}"
    parameters = {"N": row.N, **row.parameters}
    return [Peer(row.library, row.version, what, row.median_s, software.median_s, parameters)]


def _case(text: str) -> Case:
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not N:DEPTH, for example 8192:2")
    return Case(int(match[1]), int(match[2]))
