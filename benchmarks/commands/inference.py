"""The `inference` command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.commands.options import add_memory_option, add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.inference import InferenceRow, run_ours, run_tenseal
from benchmarks.operations.memory import in_words
from benchmarks.operations.orion_inference import run_orion
from nn.cli.options import Subparsers, add_count_option
from ntt.terminal import say, show
from ntt.threads import check_threads

_NETWORKS = ("mnist", "fashion_mnist")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "inference",
        help="the server's time for an encrypted image, beside TenSEAL's network and Orion",
        description="Median time of the server for one image. The answers are decrypted and "
        "compared with the cleartext network: an error above the plan's predicted error is a "
        "failure.",
    )
    parser.add_argument(
        "--network",
        action="append",
        help=f"a network of the zoo; may be repeated (default: {' and '.join(_NETWORKS)})",
    )
    add_count_option(parser, "--threads", 1, "threads of the server")
    add_count_option(parser, "--batch", 1, "images at once")
    add_count_option(parser, "--repeats", 20, "timed runs")
    parser.add_argument(
        "--peers", action="store_true", help="also time TenSEAL and Orion, where installed"
    )
    parser.add_argument(
        "--orion-python",
        type=_python,
        metavar="FILE",
        help="the Python that has orion-fhe and PyTorch, where it is not this one",
    )
    add_memory_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each row, write the files."""
    check_threads(arguments.threads, "--threads")
    if arguments.orion_python and not arguments.peers:
        say("--orion-python says how another library is measured: add --peers")
        return 2
    rows = []
    for row in _measured(arguments):
        rows.append(row)
        show(_line(row))
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.operations.plots import plot_inference

        plot_inference(rows, arguments.plot)
    return 0


def _measured(arguments: argparse.Namespace) -> Iterator[InferenceRow]:
    for name in arguments.network or _NETWORKS:
        say(f"{name}: {arguments.repeats} runs of {arguments.batch} image(s)")
        yield run_ours(
            name, arguments.threads, arguments.batch, arguments.repeats, arguments.memory
        )
    if arguments.peers:
        try:
            yield run_tenseal(max(3, arguments.repeats // 4), arguments.memory)
        except ImportError as error:
            say(f"TenSEAL is not installed: {error}")
        for name in arguments.network or _NETWORKS:
            row, reason = run_orion(name, max(3, arguments.repeats // 4), arguments.orion_python)
            if row is None:
                say(f"Orion was not measured: {reason}")
                break
            yield row


def _python(text: str) -> str:
    """An interpreter, for argparse."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file: a Python is needed")
    return text


def _line(row: InferenceRow) -> str:
    keys = row.evaluation_key_bytes
    return (
        f"{row.library:<10}{row.network:<16} {row.median_s * 1e3:9.1f} ms an image, "
        f"{row.threads} threads, batch {row.batch}, keys "
        f"{'unknown' if keys is None else f'{keys / 1e6:.1f} MB'}, "
        f"ciphertext {row.ciphertext_bytes / 1e3:.0f} kB, "
        f"memory {in_words(row.peak_bytes)}"
    )
