"""The `inference` command."""

from __future__ import annotations

import argparse

from accel_model.cli.output_files import picture_file, result_file
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.inference import run_ours, run_tenseal
from benchmarks.operations.memory import add_memory_option, in_words
from nn.cli.options import positive


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's options."""
    parser = subparsers.add_parser(
        "inference",
        help="the server's time for an encrypted image, beside TenSEAL's tutorial network",
        description="Median time of the server for one image; the answers are decrypted and held "
        "against the plan's predicted error.",
    )
    parser.add_argument(
        "--network", action="append", help="a zoo network (default: mnist and fashion_mnist)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="threads (default 1)")
    parser.add_argument("--batch", type=positive, default=1, help="images at once (default 1)")
    parser.add_argument("--repeats", type=positive, default=20, help="timed runs (default 20)")
    parser.add_argument("--peers", action="store_true", help="also time TenSEAL, if installed")
    add_memory_option(parser)
    parser.add_argument("--json", type=result_file, metavar="FILE", help="write the rows there")
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="write a picture there")
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Run, print, write the files."""
    rows = [
        run_ours(name, arguments.threads, arguments.batch, arguments.repeats, arguments.memory)
        for name in arguments.network or ("mnist", "fashion_mnist")
    ]
    if arguments.peers:
        try:
            rows.append(run_tenseal(max(3, arguments.repeats // 4), arguments.memory))
        except ImportError as error:
            print(f"TenSEAL is not installed: {error}")
    for row in rows:
        print(
            f"{row.library:<10}{row.network:<16} {row.median_s * 1e3:9.1f} ms an image, "
            f"{row.threads} threads, batch {row.batch}, keys "
            f"{row.evaluation_key_bytes / 1e6:.1f} MB, "
            f"ciphertext {row.ciphertext_bytes / 1e3:.0f} kB, "
            f"memory {in_words(row.peak_bytes)}"
        )
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    if arguments.plot:
        from benchmarks.operations.plots import plot_inference

        plot_inference(rows, arguments.plot)
    return 0
