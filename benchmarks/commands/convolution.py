"""The `convolution` command."""

from __future__ import annotations

import argparse

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.convolution import ConvolutionRow, run_convolution
from nn.cli.options import Subparsers, add_count_option
from ntt.terminal import show
from ntt.threads import check_threads


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "convolution",
        help="one encrypted 3x3 convolution of a deep network: weights, encoding and run",
        description="Bytes of the weights of a random 3x3 convolution, the time to encode them on "
        "all threads, and the time of a run. The result is decrypted and compared with the "
        "plaintext convolution: a larger error than rounding makes is a failure.",
    )
    add_count_option(parser, "--channels", 64, "channels of the input and of the output")
    add_count_option(parser, "--size", 8, "rows and columns of the image")
    add_count_option(parser, "--ring-degree", 1 << 16, "the ring degree N")
    add_count_option(parser, "--level", 12, "the level of the convolution, and the top one")
    add_count_option(parser, "--dnum", 3, "digits of a key switch")
    add_count_option(parser, "--threads", 1, "threads of a run")
    add_count_option(parser, "--repeats", 10, "timed runs")
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line, write the file."""
    check_threads(arguments.threads, "--threads")
    row = run_convolution(
        arguments.channels,
        arguments.size,
        arguments.ring_degree,
        arguments.level,
        arguments.dnum,
        arguments.threads,
        arguments.repeats,
    )
    show(_line(row))
    if arguments.json:
        write_rows([row], arguments.command_line, arguments.json)
    return 0


def _line(row: ConvolutionRow) -> str:
    return (
        f"{row.channels} channels of {row.size} x {row.size}, N = {row.N}, level {row.level}: "
        f"{row.diagonals} diagonals, {row.rotations} rotations, weights "
        f"{row.weight_bytes / 1e9:.2f} GB encoded in {row.encode_s:.2f} s on "
        f"{row.encode_threads} threads, run {row.run_s:.3f} s on {row.threads}, error "
        f"{row.error:.2g}"
    )
