"""`python -m accel_model`: estimate, sweep, fhetch, validate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from accel_model.cli import estimate, fhetch, sweep, validate
from accel_model.errors import AcceleratorError
from accel_model.machine.machine_file import machine_names
from he.trace import TraceError
from ntt.terminal import CommandParser, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status, as `ntt.terminal.run_command` says."""
    return run_command(lambda: _run(argv), AcceleratorError, TraceError)


def _run(argv: Sequence[str] | None) -> int:
    parser: argparse.ArgumentParser = CommandParser(
        prog="python -m accel_model",
        description="Time, energy and area of an encrypted computation on an accelerator.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    machines = f"one of {', '.join(machine_names())}, or a .toml file"
    estimate.add_parser(commands, machines)
    sweep.add_parser(commands, machines)
    fhetch.add_parser(commands)
    validate.add_parser(commands)
    arguments = parser.parse_args(argv)
    status: int = arguments.run(arguments)
    return status
