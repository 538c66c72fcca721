"""``python -m nn warm``: compile what an encrypted image needs, before the first one."""

from __future__ import annotations

import argparse
import time

import numpy as np

from nn.cli.options import Subparsers, add_threads_option, command_parser, load_network
from nn.cli.session import open_session, status
from nn.terminal.compilation_notice import watch_compilation
from ntt.warming import warm


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    parser = command_parser(
        subparsers,
        "warm",
        "compile the kernels before the first image needs them",
        "Compiles the kernels of every backend that this CPU has (as `python -m ntt warm` does), "
        "then those of keys, encryption, encoding and bytes, by running blank images. All are kept "
        "for later runs.",
    )
    add_threads_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compile, and say how much there was to do."""
    network = load_network(arguments.network)
    begin = time.perf_counter()
    status("Compiling what is not compiled yet: up to a minute, once.")
    with watch_compilation(announce=False) as compilation:
        warm()
        session = open_session(arguments, network)
        blank = np.full((2, *network.input_shape), np.mean(network.input_range))
        encrypted = session.client.encrypt(blank).to_bytes()
        session.client.decrypt(session.server.run(encrypted, threads=arguments.threads))
    seconds, kernels = time.perf_counter() - begin, compilation.kernels
    done = f"compiled {kernels} kernels" if kernels else "everything was compiled before"
    print(f"Ready: {done}, {seconds:.1f} s.")
    return 0
