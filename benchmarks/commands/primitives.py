"""The `primitives` command."""

from __future__ import annotations

from benchmarks.commands.suite_command import add_suite_options
from benchmarks.operations.ckks import SUITE
from nn.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "primitives",
        help="CKKS: encode, encrypt, decrypt, multiply, rotate: one thread, beside the peers",
        description="CKKS operations on one thread, at equal ring degree and usable depth and at "
        "least equal security. The libraries take turns, and every result is checked.",
    )
    add_suite_options(parser, SUITE)
