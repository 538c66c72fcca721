"""The `bfv` command."""

from __future__ import annotations

import argparse

from benchmarks.commands.primitives import add_options
from benchmarks.operations.bfv import SUITE


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "bfv",
        help="exact arithmetic: encode, encrypt, decrypt, multiply, rotate, beside the peers",
        description="BFV operations on one thread, at equal ring degree, plain modulus (65537) and "
        "usable depth and at least 128 bits of security. The peers' Q is the smallest that serves "
        "the depth, of the fewest primes that SEAL takes, with one special prime; ours has a bit a "
        "product more, and the fewest key-switching digits that fit. The measured noise budget "
        "after the depth has to be positive, and ours at least the peers'. The libraries take "
        "turns, and every result is checked.",
    )
    add_options(parser, SUITE)
