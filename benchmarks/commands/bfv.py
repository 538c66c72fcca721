"""The `bfv` command."""

from __future__ import annotations

from benchmarks.commands.suite_command import add_suite_options
from benchmarks.operations.bfv import SUITE
from nn.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "bfv",
        help="BFV: encode, encrypt, decrypt, multiply, rotate: one thread, beside the peers",
        description="BFV operations on one thread, at equal ring degree, plain modulus (65537) and "
        "usable depth and at least 128 bits of security. The peers have the smallest Q that serves "
        "the depth, in the fewest primes that SEAL takes, and one special prime; this library has "
        "one bit more for each product, and the fewest key-switching digits that fit. After the "
        "depth every measured noise budget must be positive, and this library's the largest. The "
        "libraries take turns, and every result is checked.",
    )
    add_suite_options(parser, SUITE)
