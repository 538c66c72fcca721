"""The `compare` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import nn
from accel_model.cli.output_files import result_file
from accel_model.errors import MachineFileError
from accel_model.estimation.estimate import estimate
from accel_model.isa import Program
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from benchmarks.commands.options import (
    DEFAULT_MACHINES,
    add_machine_option,
    case,
    on_machines,
    seconds,
)
from benchmarks.commands.results_file import provenance, write_result
from benchmarks.comparison import peers
from benchmarks.comparison.bootstrap_run import DEFAULT_CASE, run_bootstrap
from benchmarks.comparison.committed import CommittedSoftware, committed_software
from benchmarks.comparison.compare import (
    Accelerator,
    Comparison,
    Peer,
    accelerate,
    executed_program,
    sweep_size,
)
from benchmarks.comparison.modelled import LARGEST_WEIGHT_BYTES, ModelledNetwork, modelled_lines
from benchmarks.comparison.network_run import run_network
from benchmarks.comparison.operation_run import OPERATIONS, run_operation
from benchmarks.comparison.options import NARROW, NARROW_BITS
from benchmarks.comparison.software import SoftwareRun, WorkloadFailure
from benchmarks.comparison.text import comparison_lines
from benchmarks.operations.tracing import blank_images
from benchmarks.peers.library import Case
from he import trace as traces
from he.format.files import replaced_file
from nn.cli.options import (
    Subparsers,
    add_count_option,
    add_planning_options,
    add_threads_option,
    load_network,
    make_plan,
)
from nn.errors import NetworkError
from nn.terminal.compilation_notice import watch_compilation
from nn.terminal.progress import count_progress
from ntt import threads as ntt_threads
from ntt.terminal import say, show

_DEFAULT_CASE = Case(1 << 13, 2)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="an encrypted run in software beside modelled accelerators that run its trace",
        description="Runs the workload in software, timed and traced; lowers the trace to a "
        "program, which NumPy executes to the same bits; and estimates the program's time, energy "
        "and area on each machine. Every figure of a machine has a tag (measured, calibrated, "
        "published, remembered, assumed) and an origin; the report shows them all.",
    )
    parser.add_argument(
        "--workload",
        default="mnist",
        metavar="NAME|FILE",
        help=f"a network of the zoo ({', '.join(nn.zoo.names())}), a file that nn.save wrote, "
        f"one operation ({', '.join(OPERATIONS)}), or a bootstrap (default: %(default)s)",
    )
    add_machine_option(parser)
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also time the other libraries that are installed: the operation at equal N and "
        "depth; for a network, TenSEAL's tutorial network",
    )
    _add_run_options(parser)
    parser.add_argument(
        "--no-sweep",
        action="store_true",
        help="leave out the variations of each machine (half, the same and double of butterflies, "
        "lanes, memory and bandwidth), which --json and --html otherwise have",
    )
    for name, what in (
        ("--trace", "write the trace of the run to FILE"),
        ("--json", "write the comparison to FILE"),
        ("--html", "write a report with plots to FILE"),
    ):
        parser.add_argument(name, type=result_file, metavar="FILE", help=what)
    add_planning_options(parser)
    parser.set_defaults(run=run_command)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    """How the software runs: threads and repeats; ring degree and seconds of an operation."""
    add_threads_option(parser, default=1)
    add_count_option(parser, "--repeats", 20, "timed runs of a network")
    add_count_option(parser, "--images", 1, "encrypted images of a network's run")
    parser.add_argument(
        "--software",
        type=Path,
        metavar="FILE",
        help="take the software's time from a result of `compare --json` or `nn bench --json`, and "
        "run the software only for its trace",
    )
    parser.add_argument(
        "--case",
        type=case,
        metavar="N:DEPTH",
        help=f"ring degree and usable depth of an operation (default: {_DEFAULT_CASE}) or of a "
        f"bootstrap, behind it (default: {DEFAULT_CASE}; below N = 32768 without security)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=2.0,
        help="timed seconds of an operation or a bootstrap (default: %(default)s)",
    )


def run_command(arguments: argparse.Namespace) -> int:
    """Run, estimate, print, write the files."""
    machines = _machines(arguments.machine or DEFAULT_MACHINES)
    committed = None
    if arguments.software:
        committed = committed_software(arguments.software, arguments.workload)
    planned = _planned(arguments)
    if planned is not None and (planned[1].weight_bytes or 0) > LARGEST_WEIGHT_BYTES:
        return _model(arguments, planned[1], machines, committed)
    with watch_compilation():
        software = _software(arguments, planned)
    if committed:
        software = replace(
            software, committed_s=committed.median_s, committed_words=committed.words()
        )
    say(f"{software.name}: running its program in NumPy")
    program = executed_program(software)
    narrow = None
    if planned is not None and any(machine.name in NARROW for machine in machines):
        narrow = _narrow_program(planned[0], arguments)
    beside = _peers(arguments, software) if arguments.peers else []
    sweeping = bool(arguments.json or arguments.html) and not arguments.no_sweep
    total = sum(map(sweep_size, machines))
    with count_progress("variations of machines", total, sweeping) as progress:
        accelerators = on_machines(
            machines,
            bool(arguments.machine),
            partial(
                accelerate,
                program,
                narrow=narrow,
                sweeping=sweeping,
                report=say,
                advance=progress.advance,
            ),
        )
    comparison = Comparison(software, program, tuple(accelerators), tuple(beside))
    show(*comparison_lines(comparison))
    if arguments.trace:
        arguments.trace.parent.mkdir(parents=True, exist_ok=True)
        traces.save(software.trace, arguments.trace)
    origin = provenance(arguments.command_line)
    if arguments.json:
        write_result({**origin, **comparison.as_json()}, arguments.json)
    if arguments.html:
        from benchmarks.comparison.html import report

        with replaced_file(arguments.html, make_folders=True) as file:
            file.write(report(comparison, origin))
    return 0


def _planned(arguments: argparse.Namespace) -> tuple[nn.Network, nn.InferencePlan] | None:
    """The network and its plan; None for other workloads.

    Raises `WorkloadFailure` where there is no such workload.
    """
    name, known = arguments.workload, (*nn.zoo.names(), *OPERATIONS, "bootstrap")
    if name in (*OPERATIONS, "bootstrap"):
        return None
    if name not in known and not Path(name).is_file():
        raise WorkloadFailure(
            f"there is no workload {name!r}: choose one of {', '.join(known)}, or "
            "name a file that nn.save wrote"
        )
    network = load_network(name)
    return network, make_plan(arguments, network)


def _model(
    arguments: argparse.Namespace,
    plan: nn.InferencePlan,
    machines: Sequence[Machine],
    committed: CommittedSoftware | None,
) -> int:
    """Estimate the plan's trace, print, write the files."""
    if arguments.peers:
        say(f"{plan.network}: no other library is timed without a run in software")
    trace = plan.trace(images=arguments.images)
    program = lower(trace)
    say(f"{plan.network}: {len(program)} instructions, estimated from the plan's trace")
    accelerators = on_machines(
        machines, bool(arguments.machine), lambda m: Accelerator(m, estimate(program, m))
    )
    found = ModelledNetwork(plan, program, tuple(accelerators), committed, arguments.images)
    show(*modelled_lines(found))
    if arguments.trace:
        arguments.trace.parent.mkdir(parents=True, exist_ok=True)
        traces.save(trace, arguments.trace)
    if arguments.json:
        write_result({**provenance(arguments.command_line), **found.as_json()}, arguments.json)
    if arguments.html:
        say(f"{plan.network}: no report is drawn without a run in software")
    return 0


def _software(
    arguments: argparse.Namespace, planned: tuple[nn.Network, nn.InferencePlan] | None
) -> SoftwareRun:
    ntt_threads.check_threads(arguments.threads, "--threads")
    repeats, seconds = arguments.repeats, arguments.seconds
    if arguments.software:
        repeats, seconds = 1, min(seconds, 0.1)
    name = arguments.workload
    if name in OPERATIONS:
        return run_operation(
            name, _case(arguments), seconds=seconds, threads=arguments.threads
        )
    if planned is None:
        wanted = arguments.case or DEFAULT_CASE
        return run_bootstrap(wanted, seconds=seconds, threads=arguments.threads)
    network, plan = planned
    if network.name in nn.zoo.names():
        image = nn.zoo.test_images(network.name)[0][: arguments.images]
    else:
        image = blank_images(network, arguments.images)
    return run_network(network, plan, image, repeats=repeats, threads=arguments.threads)


def _narrow_program(network: nn.Network, arguments: argparse.Namespace) -> Program | None:
    """The program of the images in words of 28 bits, from its plan; None where there is no plan."""
    try:
        plan = make_plan(arguments, network, word_bits=NARROW_BITS, dnum=None)
    except NetworkError:
        return None
    return lower(plan.trace(images=arguments.images))


def _case(arguments: argparse.Namespace) -> Case:
    """The case of an operation."""
    wanted: Case = arguments.case or _DEFAULT_CASE
    return wanted


def _machines(names: Sequence[str]) -> list[Machine]:
    """The machines, each once. Raises `MachineFileError` where two have the same name."""
    machines = [load_machine(name) for name in dict.fromkeys(names)]
    taken: dict[str, Machine] = {}
    for machine in machines:
        if machine.name in taken:
            raise MachineFileError(
                f"{machine.where('name')}: the machine of {taken[machine.name].path} also has the "
                f"name {machine.name!r}: give one of them another name"
            )
        taken[machine.name] = machine
    return machines


def _peers(arguments: argparse.Namespace, software: SoftwareRun) -> list[Peer]:
    if software.name in OPERATIONS:
        return peers.of_operation(software.name, _case(arguments), arguments.seconds)
    if software.name == "bootstrap":
        say("bootstrap: no other library is timed beside it")
        return []
    return peers.of_network(software, max(3, arguments.repeats // 4))
