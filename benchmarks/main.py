"""Parse the command line and run one benchmark."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from accel_model.errors import AcceleratorError
from benchmarks.commands import (
    bfv,
    bootstrap,
    compare,
    convolution,
    cost,
    deep,
    estimation,
    export,
    inference,
    ntt,
    primitives,
    rings,
    service,
    start,
    suite,
)
from benchmarks.comparison.software import WorkloadFailure
from he.errors import HEError
from nn.errors import NetworkError
from ntt.errors import ArithmeticLayerError
from ntt.terminal import CommandParser, run_command

_COMMANDS = (
    ntt,
    primitives,
    rings,
    bootstrap,
    bfv,
    inference,
    convolution,
    deep,
    start,
    service,
    suite,
    compare,
    cost,
    estimation,
    export,
)
_BAD_INPUT = (
    HEError,
    NetworkError,
    ArithmeticLayerError,
    AcceleratorError,
    WorkloadFailure,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark and return its exit status, as `ntt.terminal.run_command` says.

    argv: the words after the program's name.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    return run_command(lambda: _run(words), *_BAD_INPUT)


def _run(words: list[str]) -> int:
    parser = CommandParser(
        prog="python -m benchmarks",
        description="Time this library and its peers in one run, interleaved, on one machine.",
    )
    subparsers = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(words)
    arguments.command_line = shlex.join(["python", "-m", "benchmarks", *words])
    status: int = arguments.run(arguments)
    return status
