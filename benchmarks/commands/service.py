"""The `service` command."""

from __future__ import annotations

import argparse

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.service import run
from nn.cli.options import Subparsers, add_count_option
from ntt.terminal import say, show

_MIB = 1 << 20


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "service",
        help="many clients at once at a service, beside the library alone",
        description="Starts a service on this machine. Clients send encrypted images one by one "
        "and wait for the answers. The library alone takes turns.",
    )
    parser.add_argument("--network", default="mnist", help="of the zoo (default: %(default)s)")
    add_count_option(parser, "--clients", 32, "clients at once")
    add_count_option(parser, "--tenants", 4, "tenants, among whom the clients are")
    add_count_option(parser, "--images", 8, "images of each client in a round")
    add_count_option(parser, "--rounds", 5, "rounds")
    add_count_option(parser, "--memory", 1024, "MiB for evaluation keys in the workers")
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print, write the file."""
    say(f"{arguments.network}: {arguments.clients} clients of {arguments.tenants} tenants")
    row = run(
        arguments.network,
        arguments.clients,
        arguments.tenants,
        arguments.images,
        arguments.rounds,
        arguments.memory * _MIB,
    )
    show(
        f"images            {row.images}, wrong {row.wrong}",
        f"service           {row.images_per_s:.1f} images/s on {row.workers} workers",
        f"library alone     {row.library_images_per_s:.1f} images/s in groups of {row.group}",
        f"share             {row.share:.0%}",
        f"processor time    {row.service_processor_s * 1e3:.1f} ms an image, "
        f"{row.library_processor_s * 1e3:.1f} ms in the library alone",
        f"waiting           median {row.waiting_median_s * 1e3:.0f} ms, "
        f"99th percentile {row.waiting_p99_s * 1e3:.0f} ms",
        f"memory            {row.memory_bytes / _MIB:.0f} MiB in all processes; "
        f"{row.memory_budget_bytes / _MIB:.0f} MiB were allowed for keys",
    )
    if arguments.json:
        write_rows([row], arguments.command_line, arguments.json)
    return 0
