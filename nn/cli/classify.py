"""``python -m nn classify``: classify pictures at a service that does not see them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nn.cli.console import make_console, make_table
from nn.cli.data import InputOf, names_of_classes
from nn.cli.image_files import read_images
from nn.cli.options import Subparsers
from nn.cli.service_options import (
    add_key_options,
    add_model_options,
    add_server_options,
    remote_client,
    service_parser,
)
from nn.errors import AnswerError
from nn.network.answers import softmax
from ntt.terminal import printable, say


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = service_parser(
        subparsers,
        "classify",
        "classify pictures at a service that does not see them",
        "Encrypts the pictures here, sends the ciphertexts, and decrypts the answers.",
    )
    parser.add_argument("image", type=Path, nargs="+", metavar="IMAGE", help=".png or .npy files")
    parser.add_argument(
        "--invert", action="store_true", help="the files show dark strokes on a light ground"
    )
    parser.add_argument(
        "--key",
        metavar="NAME",
        help="a key of `nn keys make` (default: fresh keys, which are deleted afterwards)",
    )
    add_server_options(parser)
    add_model_options(parser)
    add_key_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Classify the pictures, and print a table."""
    with remote_client(arguments, arguments.key) as client:
        facts = client.facts
        taken = InputOf(facts["name"], client.plan.input_layout.shape, client.plan.input_range)
        batches = [read_images(taken, path, arguments.invert) for path in arguments.image]
        titles = [
            f"{printable(path.name)} {index}" if len(batch) > 1 else printable(path.name)
            for path, batch in zip(arguments.image, batches, strict=True)
            for index in range(len(batch))
        ]
        client.upload_keys(progress=True)
        try:
            logits = client.classify(np.concatenate(batches), progress=True)
        except AnswerError as error:
            say(f"warning: {error}")
            logits = error.logits
        finally:
            if arguments.key is None:
                client.delete_keys()
    names = names_of_classes(facts["name"], facts["classes"])
    table = make_table("Answers", ["image", "class", "probability", "second", "probability"], 2)
    for title, row in zip(titles, softmax(logits), strict=True):
        likely = np.argsort(row)[::-1][:2]
        table.add_row(title, *(cell for k in likely for cell in (names[k], f"{row[k]:.1%}")))
    make_console().print(table)
    return 0
