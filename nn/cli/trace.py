"""``python -m nn trace``: the operations of an encrypted run, as a file."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from he import trace as he_trace
from he.format.files import check_writable
from nn.cli.options import Subparsers, command_parser, make_plan, network_of
from ntt.terminal import show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "trace",
        "write every homomorphic operation that a run on one image consists of",
        "Nothing is encrypted: the operations follow from the plan, and do not depend on the "
        "image. The file names ciphertexts, plaintexts and keys by number and holds none of their "
        "data. he/trace/op_trace.py documents the format.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="where to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the trace of the plan, and print how many operations it has."""
    check_writable(arguments.output)
    recorded = make_plan(arguments, network_of(arguments)).trace()
    he_trace.save(recorded, arguments.output)
    kinds = Counter(op.kind for op in recorded.operations)
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    show(f"{arguments.output}: {len(recorded.operations)} operations ({words})")
    return 0
