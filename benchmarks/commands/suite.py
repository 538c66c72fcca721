"""The `suite` command."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.suite.driver import SizeRow, StageRow, prepare, run_size
from benchmarks.suite.places import NAMES, SUITE_SIZES
from nn.cli.options import Subparsers, add_count_option
from ntt.terminal import say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "suite",
        help="the stages of the FHE benchmarking suite's ml-inference workload",
        description="Runs each stage in a process of its own, in the suite's order, on the bundled "
        "images. benchmarks/suite/README.md tells how to run the suite's own harness.",
    )
    parser.add_argument(
        "--size",
        action="append",
        choices=NAMES,
        help="which sizes (default: the four of MNIST); may be repeated. cifar10: one image for a "
        "ResNet-20, and takes 12 GB of memory and minutes",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep all files there (default: nowhere)"
    )
    add_count_option(parser, "--repeats", 3, "runs of all stages")
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print, write the file."""
    rows: list[StageRow | SizeRow] = []
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        say("building the models and compiling the kernels")
        sizes = [NAMES.index(name) for name in arguments.size or NAMES[:SUITE_SIZES]]
        prepare(folder.resolve(), sizes)
        for index in sizes:
            stages, size = run_size(folder.resolve(), index, arguments.repeats)
            show(
                f"{size.size}: {size.images} images, {size.layout}; {size.accuracy:.2%} right; "
                f"keys {size.key_bytes / 1e6:.2f} MB, up {size.upload_bytes / 1e6:.2f} MB, "
                f"down {size.download_bytes / 1e6:.2f} MB"
            )
            show(*(f"  {s.stage:<30}{s.wall_s:7.2f} s  {s.processor_s:7.2f} s" for s in stages))
            rows += [*stages, size]
    if arguments.json:
        write_rows(rows, arguments.command_line, arguments.json)
    return 0
