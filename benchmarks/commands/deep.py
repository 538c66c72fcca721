"""The `deep` command."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.commands.options import add_output_options
from benchmarks.commands.results_file import write_rows
from benchmarks.operations.deep import DeepRow, images_of, run_deep
from nn import zoo
from nn.cli.options import Subparsers, add_count_option, load_network
from nn.inference.options import PlanOptions
from nn.network.graph import Network
from nn.network.layers import FloatArray
from ntt.terminal import say, show
from ntt.threads import check_threads


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "deep",
        help="a deep network from its file to encrypted answers: plan, keys, weights, images",
        description="The time of each step, the memory of the whole process, and how far the "
        "logits are from those in the clear. A network without statistics is calibrated with the "
        "images. A ResNet-20 needs 12 GB of memory and many minutes.",
    )
    parser.add_argument(
        "--network", required=True, metavar="NAME|FILE", help="a zoo name or a file of nn.save"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FILE",
        help="an npz file with images (default: the test images of a zoo network)",
    )
    add_count_option(parser, "--count", 1, "images that are run, one after the other")
    add_count_option(parser, "--calibrate", 64, "images for statistics, where there are none")
    add_count_option(parser, "--threads", 1, "threads of the server")
    parser.add_argument(
        "--precision-bits",
        type=float,
        metavar="BITS",
        help="predicted bits of the largest logit (default: the planner's)",
    )
    parser.add_argument(
        "--ring-degree", type=int, metavar="N", help="ring degree (default: the smallest that fits)"
    )
    parser.add_argument(
        "--bootstrap",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="refresh ciphertexts on the way, or never (default: where a network is too deep)",
    )
    parser.add_argument(
        "--memory-bytes", type=int, metavar="BYTES", help="memory for weights (default: all)"
    )
    parser.add_argument(
        "--weights-folder", type=Path, metavar="FOLDER", help="where weights lie that do not fit"
    )
    add_output_options(parser, picture=False)
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, print a line, write the file."""
    check_threads(arguments.threads, "--threads")
    network = load_network(arguments.network)
    if arguments.images is None and arguments.network not in zoo.names():
        say(f"--images FILE is needed: {arguments.network} is no network of the zoo")
        return 2
    if network.statistics is None:
        images = images_of(arguments.images, network, arguments.calibrate)
        say(f"{network.name} is calibrated with {len(images)} images")
        network = network.calibrated(images)
    row = run_deep(
        network,
        _images(arguments, network),
        arguments.threads,
        arguments.memory_bytes,
        arguments.weights_folder,
        PlanOptions(
            precision_bits=arguments.precision_bits,
            N=arguments.ring_degree,
            bootstrap=arguments.bootstrap,
        ),
    )
    show(_line(row))
    if arguments.json:
        write_rows([row], arguments.command_line, arguments.json)
    return 0


def _images(arguments: argparse.Namespace, network: Network) -> FloatArray:
    if arguments.images is not None:
        return images_of(arguments.images, network, arguments.count)
    images, _ = zoo.test_images(arguments.network)
    return images[: arguments.count].astype(np.float64)


def _line(row: DeepRow) -> str:
    weights = 0 if row.weight_bytes is None else row.weight_bytes
    return (
        f"{row.network}: {row.levels} levels, {row.bootstraps} bootstraps, "
        f"plan {row.compile_s:.1f} s, keys {row.key_bytes / 1e9:.2f} GB in {row.keys_s:.1f} s, "
        f"weights {weights / 1e9:.2f} GB, "
        f"server {row.server_s:.1f} s, image {min(row.image_s):.1f} s on {row.threads} threads, "
        f"peak {row.peak_bytes / 1e9:.2f} GB, error {row.largest_error:.2g} of "
        f"{row.predicted_error:.2g} predicted, {row.same_class} of {row.images} of the same class"
    )
