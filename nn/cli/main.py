"""Parse the command line, run the command, report bad input in one line."""

from __future__ import annotations

import argparse
import shlex
import sys
import traceback
from collections.abc import Sequence

from he.errors import HEError
from nn.cli import accuracy, bench, demo, infer, plan, trace, warm
from nn.errors import NetworkError
from ntt.errors import ArithmeticLayerError

_COMMANDS = (demo, infer, accuracy, bench, plan, trace, warm)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. argv: the words behind ``python -m nn``."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(words)
    arguments.command_line = shlex.join(["python", "-m", "nn", *words])
    try:
        status: int = arguments.run(arguments)
    except Exception as error:
        if not _is_bad_input(error):
            raise
        if arguments.verbose:
            traceback.print_exc()
        print(f"{type(error).__name__}: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nn",
        description="Classify encrypted images. The server that runs the network sees neither the "
        "images nor the answers.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser


def _is_bad_input(error: Exception) -> bool:
    return isinstance(error, HEError | NetworkError | ArithmeticLayerError | OSError)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
