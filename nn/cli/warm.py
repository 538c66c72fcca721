"""``python -m nn warm``: compile the kernels that an encrypted image needs."""

from __future__ import annotations

import argparse
import contextlib
import time

import numpy as np

from nn.cli.options import (
    Subparsers,
    add_memory_options,
    add_threads_option,
    command_parser,
    network_of,
)
from nn.cli.session import open_session
from nn.errors import AnswerError
from nn.terminal.compilation_notice import watch_compilation
from ntt.terminal import say
from ntt.warming import warm


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "warm",
        "compile the kernels before the first image needs them",
        "Compiles the kernels of every backend that this CPU has (as `python -m ntt warm` does), "
        "then the kernels of keys, encryption, encoding and bytes, by running blank images. All "
        "compiled kernels are kept for later runs.",
    )
    add_threads_option(parser)
    add_memory_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compile the kernels, and print how many there were."""
    network = network_of(arguments)
    begin = time.perf_counter()
    say("Compiling the kernels that are not compiled yet: up to a minute, once.")
    with watch_compilation(announce=False) as compilation:
        warm()
        session = open_session(arguments, network)
        blank = np.full((2, *network.input_shape), np.mean(network.input_range))
        encrypted = session.client.encrypt(blank).to_bytes()
        answer = session.server.run(encrypted, threads=arguments.threads)
        # A blank image may be unlike all that the plan's statistics know.
        with contextlib.suppress(AnswerError):
            session.client.decrypt(answer)
    seconds, kernels = time.perf_counter() - begin, compilation.kernels
    done = f"compiled {kernels} kernels" if kernels else "all kernels were compiled before"
    print(f"Ready: {done}, {seconds:.1f} s.")
    return 0
