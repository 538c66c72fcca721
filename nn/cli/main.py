"""Parse the command line, run the command, report bad input in one line."""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Sequence

from he.errors import HEError
from nn.cli import (
    accuracy,
    bench,
    classify,
    client,
    demo,
    infer,
    keys,
    plan,
    serve,
    tenants,
    trace,
    warm,
)
from nn.errors import NetworkError
from ntt.errors import ArithmeticLayerError
from ntt.terminal import CommandParser, run_command, say

_COMMANDS = (
    demo,
    infer,
    accuracy,
    bench,
    plan,
    trace,
    warm,
    serve,
    tenants,
    keys,
    classify,
    client,
)
_BAD_INPUT = (HEError, NetworkError, ArithmeticLayerError, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status, as `ntt.terminal.run_command` says.

    argv: the words behind ``python -m nn``.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    return run_command(lambda: _run(words), *_BAD_INPUT)


def _run(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    arguments.command_line = shlex.join(["python", "-m", "nn", *words])
    try:
        status: int = arguments.run(arguments)
    except _BAD_INPUT:
        if arguments.verbose:
            for line in traceback.format_exc().splitlines():
                say(line)
        raise
    return status


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m nn",
        description="Classify encrypted images. The server that runs the network sees neither the "
        "images nor the answers.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser

