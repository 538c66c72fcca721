"""``python -m nn demo``: real images, classified without being seen."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nn.cli.console import amount, make_console, make_table
from nn.cli.data import LabelledImages, class_names, load_data
from nn.cli.demonstration import Demonstration
from nn.cli.options import (
    Subparsers,
    add_count_option,
    add_data_option,
    add_threads_option,
    command_parser,
    load_network,
)
from nn.cli.session import Session, open_session
from nn.packed.encrypted_batch import EncryptedBatch


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    parser = command_parser(
        subparsers,
        "demo",
        "classify real test images encrypted, and show what happened",
        "The client encrypts, the server runs the network on what it cannot read, the client "
        "decrypts. Prints the answers, the time per layer and the bytes, and writes a picture.",
    )
    add_data_option(parser)
    add_count_option(parser, "--images", 16, "how many")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("he-accel-demo.png"),
        metavar="FILE",
        help="the picture to write: .png, .pdf or .svg (default: %(default)s)",
    )
    add_threads_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration; tables on standard output, the picture in a file."""
    from nn.cli.picture import check_output, draw

    check_output(arguments.output)
    network = load_network(arguments.network)
    data = load_data(network, arguments.data).first(arguments.images)
    session = open_session(arguments, network)
    shown = demonstrate(session, data, arguments.threads)
    _print(session, shown)
    draw(shown, arguments.output)
    print(f"Picture: {arguments.output}")
    return 0


def demonstrate(session: Session, data: LabelledImages, threads: int | None) -> Demonstration:
    """Encrypt, run with a progress bar per layer, decrypt; only bytes pass between the two."""
    client, plan = session.client, session.plan
    encrypted = client.encrypt(data.images)
    sent = encrypted.to_bytes()
    answer = session.server.run(sent, progress=True, threads=threads)
    returned = answer.to_bytes()
    return Demonstration(
        names=class_names(session.network),
        data=data,
        plan=plan,
        encrypted=client.decrypt(returned),
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
    count = len(shown.data)
    answers = make_table(
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
        answers.add_row(
            str(index),
            shown.names[encrypted],
            shown.names[cleartext],
            shown.names[label] if 0 <= label < len(shown.names) else str(label),
            "" if right else "wrong",
            f"{bits:.1f}",
            style=None if right else "red",
        )
    console.print(answers)

    layers = make_table(
        "Layers", ["layer", "kind", "level", "rotations", "seconds", "seconds an image"], 2
    )
    for planned, stage in zip(shown.plan.stages, shown.profile, strict=True):
        layers.add_row(
            stage.name,
            planned.kind,
            f"{planned.level_in} to {stage.level}",
            str(planned.rotations),
            f"{stage.seconds:.3f}",
            f"{stage.seconds / count:.4f}",
        )
    total = sum(stage.seconds for stage in shown.profile)
    layers.add_section()
    layers.add_row("together", "", "", "", f"{total:.3f}", f"{total / count:.4f}")
    console.print(layers)

    params = shown.plan.params
    facts = make_table("Bytes and parameters", ["", ""])
    facts.show_header = False
    facts.add_row("evaluation keys", amount(shown.key_bytes, "B"))
    facts.add_row("an encrypted image", amount(shown.sent_bytes / count, "B"))
    facts.add_row("an encrypted answer", amount(shown.answer_bytes / count, "B"))
    facts.add_row("keys made in", f"{session.keys_s:.2f} s")
    facts.add_row("parameters", f"N = {params.N}, log2(QP) = {params.log_qp:.1f}")
    facts.add_row("security", f"{params.security_estimate} bits")
    facts.add_row("predicted precision", f"{shown.plan.predicted_bits:.1f} bits or more")
    console.print(facts)
    right = int(np.count_nonzero(shown.encrypted.argmax(axis=1) == shown.data.labels))
    console.print(f"{right} of {count} right, without the server seeing one of them.")
