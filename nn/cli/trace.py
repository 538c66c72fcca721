"""``python -m nn trace``: the operations of an encrypted run, as a file."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from he import trace as he_trace
from he.format.files import check_writable
from nn.cli.options import Subparsers, command_parser, make_plan, network_of
from nn.packed.client import PackedClient
from nn.packed.server import PackedServer
from ntt.terminal import say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "trace",
        "run one blank image and record every homomorphic operation of the run",
        "The file names ciphertexts, plaintexts and keys by number and holds none of their data. "
        "The operations do not depend on the image. he/trace/op_trace.py documents the format.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="where to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Record a run, write the trace, and print how many operations it has."""
    check_writable(arguments.output)
    network = network_of(arguments)
    plan = make_plan(arguments, network)
    say(f"{network.name}: making {plan.rotations} rotation keys")
    client = PackedClient(plan)
    tracer = he_trace.Tracer(plan.params, network.name)
    server = PackedServer(plan, network, client.evaluation_keys(), tracer=tracer)
    blank = np.full((1, *network.input_shape), np.mean(network.input_range))
    server.run(client.encrypt(blank), progress=True)
    recorded = tracer.trace()
    he_trace.save(recorded, arguments.output)
    kinds = Counter(op.kind for op in recorded.operations)
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    show(f"{arguments.output}: {len(recorded.operations)} operations ({words})")
    return 0

