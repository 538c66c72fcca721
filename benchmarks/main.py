"""Parse the command line and run one benchmark."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from accel_model.errors import AcceleratorError
from benchmarks.commands import bfv, compare, estimation, export, inference, ntt, primitives
from benchmarks.comparison.software import WorkloadFailure
from he.errors import HEError
from nn.errors import NetworkError
from ntt.errors import ArithmeticLayerError

_COMMANDS = (ntt, primitives, bfv, inference, compare, estimation, export)
_BAD_INPUT = (
    HEError,
    NetworkError,
    ArithmeticLayerError,
    AcceleratorError,
    WorkloadFailure,
    OSError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark and return its exit status; argv without the program's name."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time this library and its peers in one run, interleaved, on one machine.",
    )
    subparsers = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(words)
    arguments.command_line = shlex.join(["python", "-m", "benchmarks", *words])
    try:
        status: int = arguments.run(arguments)
    except _BAD_INPUT as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status
