"""Parse the command line and run one benchmark."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from accel_model.errors import AcceleratorError
from benchmarks.commands import bfv as bfv_command
from benchmarks.commands import compare as compare_command
from benchmarks.commands import estimation as estimation_command
from benchmarks.commands import export as export_command
from benchmarks.commands import inference as inference_command
from benchmarks.commands import primitives as primitives_command
from benchmarks.commands import transforms as transforms_command
from benchmarks.comparison.workloads import WorkloadFailure
from he.errors import HEError
from nn.errors import NetworkError
from ntt import ArithmeticLayerError

_COMMANDS = (
    transforms_command,
    primitives_command,
    bfv_command,
    inference_command,
    compare_command,
    estimation_command,
    export_command,
)
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
