"""``python -m nn accuracy``: every encrypted logit compared with the plan's prediction."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from he.format.files import check_writable
from nn.cli.agreement import Agreement, compare
from nn.cli.console import listing
from nn.cli.data import load_data
from nn.cli.describe import parameters, provenance, write_json
from nn.cli.options import (
    Subparsers,
    add_count_option,
    add_data_option,
    add_memory_options,
    add_threads_option,
    command_parser,
    network_of,
)
from nn.cli.session import decrypted, open_session
from nn.packed.plan import InferencePlan
from nn.terminal.progress import count_progress
from ntt.threads import get_threads


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "accuracy",
        "compare encrypted with cleartext inference on test images",
        "Every encrypted logit must lie within the plan's predicted error e of the cleartext "
        "logit. The class must be the same wherever the cleartext margin, the largest logit less "
        "the second largest, exceeds e. (Two logits that move by e each change their order only "
        "below a margin of 2 e. So above 2 e the prediction implies the same class; between e and "
        "2 e this command asks for more.) The exit status is 1 if anything is missed.",
    )
    add_data_option(parser)
    add_count_option(parser, "--images", 1000, "how many")
    add_count_option(parser, "--batch", 50, "images sent at once")
    add_threads_option(parser)
    add_memory_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the images in batches, compare the answers, print the result."""
    if arguments.json:
        check_writable(arguments.json, make_folders=True)
    network = network_of(arguments)
    data = load_data(network, arguments.data).first(arguments.images)
    session = open_session(arguments, network)
    batches, server_s = [], 0.0
    begin = time.perf_counter()
    with count_progress("images", len(data)) as progress:
        for start in range(0, len(data), arguments.batch):
            images = data.images[start : start + arguments.batch]
            encrypted = session.client.encrypt(images)
            answer = session.server.run(encrypted, threads=arguments.threads)
            server_s += sum(stage.seconds for stage in answer.profile)
            logits, _ = decrypted(session.client, answer)
            batches.append(logits)
            progress.advance(len(images))
    wall_s = time.perf_counter() - begin
    cleartext = session.network(data.images).reshape(len(data), -1)
    bound = session.plan.predicted_error
    result = compare(np.concatenate(batches), cleartext, bound, data.labels)
    print(_report(session.plan, result))
    per_image = server_s / len(data)
    print(f"time      {wall_s:.1f} s; the server took {per_image:.4f} s an image")
    if arguments.json:
        write_json(
            {
                "network": session.plan.network,
                "threads": arguments.threads or get_threads(),
                **vars(result),
                "misses": result.misses,
                "predicted_error_largest": float(bound.max()),
                "failure_probability": session.plan.failure_probability,
                "seconds": wall_s,
                "server_seconds_per_image": per_image,
                **provenance(arguments, session.plan.params),
                "parameters": parameters(session.plan.params),
            },
            arguments.json,
        )
    return 1 if result.misses else 0


def _report(plan: InferencePlan, found: Agreement) -> str:
    bound = float(plan.predicted_error.max())
    images, within = found.images, found.logits - found.outside
    decided, close = found.decided, found.close
    same, close_same = decided - found.decided_changed, close - found.close_changed
    error, share = found.largest_error, found.largest_ratio
    right, cleartext_right = found.right_encrypted, found.right_cleartext
    rows = [
        ("network", f"{plan.network}, {images} images"),
        ("logits", f"{within} of {found.logits} within the predicted error, at most {bound:.3g}"),
        ("", f"largest error {error:.3g}; largest error / its prediction {share:.3g}"),
        ("classes", f"{same} of {decided} the same where the margin exceeds twice that error"),
        ("", f"{close_same} of {close} the same where the margin is once to twice that error"),
        ("", f"{images - decided - close} images with a smaller margin"),
        ("accuracy", f"{right / images:.2%} encrypted ({right} of {images})"),
        ("", f"{cleartext_right / images:.2%} cleartext ({cleartext_right} of {images})"),
        ("result", f"{found.misses} MISSED" if found.misses else "nothing missed"),
    ]
    return listing(rows)
