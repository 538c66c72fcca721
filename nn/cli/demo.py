"""``python -m nn demo``: real images, classified by a server that cannot see them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nn.cli.console import amount, make_console, make_table
from nn.cli.data import LabelledImages, class_names, load_data
from nn.cli.demonstration import SHALLOW_STAGES, Demonstration
from nn.cli.options import (
    Subparsers,
    add_count_option,
    add_data_option,
    add_memory_options,
    add_threads_option,
    command_parser,
    network_of,
)
from nn.cli.session import Session, decrypted, open_session
from nn.packed.encrypted_batch import EncryptedBatch
from ntt.terminal import printable, show

if TYPE_CHECKING:
    from rich.table import Table

IMAGES, DEEP_IMAGES = 16, 10


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "demo",
        "classify real test images encrypted, and show what happened",
        "The client encrypts the images, the server runs the network on ciphertexts that it cannot "
        "read, and the client decrypts the answers. Prints the answers, the time of each stage and "
        "the bytes, and writes a picture.",
    )
    add_data_option(parser)
    add_count_option(
        parser,
        "--images",
        None,
        f"how many (default: {IMAGES}, of a network of more than {SHALLOW_STAGES} stages "
        f"{DEEP_IMAGES})",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("he-accel-demo.png"),
        metavar="FILE",
        help="the picture to write: .png, .pdf or .svg (default: %(default)s)",
    )
    add_threads_option(parser)
    add_memory_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, print its tables, write its picture."""
    from nn.cli.picture import check_output, draw

    check_output(arguments.output)
    network = network_of(arguments)
    data = load_data(network, arguments.data)
    if arguments.images is not None:
        data.first(arguments.images)
    session = open_session(arguments, network)
    deep = len(session.plan.stages) > SHALLOW_STAGES
    data = data.first(arguments.images or min(DEEP_IMAGES if deep else IMAGES, len(data)))
    shown = demonstrate(session, data, arguments.threads)
    _print(session, shown)
    draw(shown, arguments.output)
    show(f"Picture: {arguments.output}")
    return 0


def demonstrate(session: Session, data: LabelledImages, threads: int | None) -> Demonstration:
    """Encrypt, run with a progress bar for each stage, decrypt.

    Only bytes pass between the client and the server.
    """
    client, plan = session.client, session.plan
    encrypted = client.encrypt(data.images)
    sent = encrypted.to_bytes()
    answer = session.server.run(sent, progress=True, threads=threads)
    returned = answer.to_bytes()
    logits, _ = decrypted(client, returned)
    return Demonstration(
        names=class_names(session.network),
        data=data,
        plan=plan,
        encrypted=logits,
        cleartext=session.network(data.images).reshape(len(data), -1),
        profile=answer.profile,
        residues=_first_rows(encrypted),
        sent_bytes=len(sent),
        answer_bytes=len(returned),
        key_bytes=session.key_bytes,
    )


def _first_rows(batch: EncryptedBatch) -> NDArray[np.uint64]:
    return np.array([image[0].data[0, 0] for image in batch.images])


def _print(session: Session, shown: Demonstration) -> None:
    console = make_console()
    console.print(_answers(shown))
    console.print(_stages(shown))
    console.print(_facts(session, shown))
    right = int(np.count_nonzero(shown.encrypted.argmax(axis=1) == shown.data.labels))
    count = len(shown.data)
    console.print(f"{right} of {count} right, and the server has seen none of the images.")


def _answers(shown: Demonstration) -> Table:
    table = make_table(
        "Answers", ["image", "encrypted", "cleartext", "true class", "", "bits of precision"], 5
    )
    rows = zip(
        shown.encrypted.argmax(axis=1),
        shown.cleartext.argmax(axis=1),
        shown.data.labels,
        shown.bits,
        strict=True,
    )
    for index, (encrypted, cleartext, label, bits) in enumerate(rows):
        right = encrypted == label
        table.add_row(
            str(index),
            shown.names[encrypted],
            shown.names[cleartext],
            shown.names[label] if 0 <= label < len(shown.names) else str(label),
            "" if right else "wrong",
            f"{bits:.1f}",
            style=None if right else "red",
        )
    return table


def _stages(shown: Demonstration) -> Table:
    count = len(shown.data)
    table = make_table(
        "Stages", ["stage", "kind", "level", "rotations", "seconds", "seconds an image"], 2
    )
    for planned, stage in zip(shown.plan.stages, shown.profile, strict=True):
        table.add_row(
            printable(stage.name),
            planned.kind,
            f"{planned.level_in} to {stage.level}",
            str(planned.rotations),
            f"{stage.seconds:.3f}",
            f"{stage.seconds / count:.4f}",
        )
    total = sum(stage.seconds for stage in shown.profile)
    table.add_section()
    table.add_row("together", "", "", "", f"{total:.3f}", f"{total / count:.4f}")
    return table


def _facts(session: Session, shown: Demonstration) -> Table:
    count, params = len(shown.data), shown.plan.params
    table = make_table("Bytes and parameters", ["", ""])
    table.show_header = False
    table.add_row("evaluation keys", amount(shown.key_bytes, "B"))
    table.add_row("an encrypted image", amount(shown.sent_bytes / count, "B"))
    table.add_row("an encrypted answer", amount(shown.answer_bytes / count, "B"))
    table.add_row("keys made in", f"{session.keys_s:.2f} s")
    table.add_row("parameters", f"N = {params.N}, log2(QP) = {params.log_qp:.1f}")
    table.add_row("security", f"{params.security_estimate} bits")
    table.add_row("predicted precision", f"{shown.plan.predicted_bits:.1f} bits or more")
    return table
