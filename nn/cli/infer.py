"""``python -m nn infer``: classify images of the test set or of files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nn.cli.console import make_console, make_table
from nn.cli.data import class_names, load_data
from nn.cli.image_files import read_images
from nn.cli.options import (
    Subparsers,
    add_data_option,
    add_memory_options,
    add_threads_option,
    command_parser,
    network_of,
)
from nn.cli.session import decrypted, open_session
from nn.network.answers import softmax
from nn.network.graph import Network
from nn.network.layers import FloatArray
from ntt.terminal import printable


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "infer",
        "classify images without showing them to the server",
        "Encrypts the images, runs the network, decrypts the answers, and prints the logits and "
        "the probabilities (softmax).",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--index", type=int, nargs="+", metavar="I", help="images of the test set, from 0"
    )
    source.add_argument("--image", type=Path, nargs="+", metavar="FILE", help=".png or .npy files")
    parser.add_argument(
        "--invert", action="store_true", help="the files show dark strokes on a light ground"
    )
    add_data_option(parser)
    add_threads_option(parser)
    add_memory_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Classify the images; print a table of the answers and tables of the logits."""
    network = network_of(arguments)
    titles, images = _images(arguments, network)
    session = open_session(arguments, network)
    encrypted = session.client.encrypt(images)
    answer = session.server.run(encrypted, progress=True, threads=arguments.threads)
    logits, promised = decrypted(session.client, answer)
    _print(network, titles, logits)
    if promised:
        bound = f"{session.plan.predicted_error.max():.2g}"
        print(f"Predicted error: each logit is within {bound} of the cleartext network's logit.")
    return 0


def _images(arguments: argparse.Namespace, network: Network) -> tuple[list[str], FloatArray]:
    """A title for each image, and the images."""
    if arguments.index is not None:
        chosen = load_data(network, arguments.data).at(arguments.index)
        names = class_names(network)
        titles = [
            f"image {index}, truly {names[label] if 0 <= label < len(names) else label}"
            for index, label in zip(arguments.index, chosen.labels, strict=True)
        ]
        return titles, chosen.images
    titles, batches = [], []
    for path in arguments.image:
        batch = read_images(network, path, arguments.invert)
        batches.append(batch)
        name = printable(path.name)
        several = [f"{name} {index}" for index in range(len(batch))]
        titles += several if len(batch) > 1 else [name]
    return titles, np.concatenate(batches)


def _print(network: Network, titles: list[str], logits: FloatArray) -> None:
    names, shares = class_names(network), softmax(logits)
    console = make_console()
    answers = make_table("Answers", ["image", "class", "probability", "second", "probability"], 2)
    for title, row in zip(titles, shares, strict=True):
        likely = np.argsort(row)[::-1][:2]
        answers.add_row(title, *(cell for k in likely for cell in (names[k], f"{row[k]:.1%}")))
    console.print(answers)
    for start in range(0, len(titles), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        table = make_table("Logits (probabilities)", ["class", *titles[part]])
        for k, name in enumerate(names):
            cells = zip(logits[part, k], shares[part, k], strict=True)
            table.add_row(name, *(f"{logit:.3f} ({share:6.1%})" for logit, share in cells))
        console.print(table)


_COLUMNS = 4
"""The number of images in one table of logits."""
