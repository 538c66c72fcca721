"""``python -m nn bench``: how long one image takes, and what it costs in bytes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from nn.cli import batched_bench
from nn.cli.console import amount, listing
from nn.cli.data import load_data
from nn.cli.describe import Json, parameters, provenance, write_json
from nn.cli.options import (
    Subparsers,
    add_batched_options,
    add_count_option,
    add_data_option,
    add_threads_option,
    command_parser,
    load_network,
)
from nn.cli.session import Session, open_session
from nn.inference.roles import StageTime
from nn.terminal.machine import peak_rss_bytes
from nn.terminal.progress import count_progress

REPEATS = 20


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    parser = command_parser(
        subparsers,
        "bench",
        "measure the server's time for one image, key sizes and memory",
        "Keys are loaded and kernels compiled before; medians over the repeats.",
    )
    add_data_option(parser)
    add_threads_option(parser, default=1)
    repeats = f"timed runs of the server (default: {REPEATS}, batched {batched_bench.REPEATS})"
    add_count_option(parser, "--repeats", None, repeats)
    add_count_option(parser, "--batch", 1, "images in each run")
    add_batched_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, write."""
    network = load_network(arguments.network)
    if arguments.batched or arguments.scheme == "bfv":
        result = batched_bench.run_batched(arguments, network)
        print(batched_bench.report(result))
        if arguments.json:
            write_json(result, arguments.json)
        return batched_bench.fail_if_wrong(result)
    data = load_data(network, arguments.data).first(arguments.batch)
    session = open_session(arguments, network)
    result = {
        "network": session.plan.network,
        "threads": arguments.threads,
        **measure(session, data.images, arguments.repeats or REPEATS, arguments.threads),
        **provenance(arguments, session.plan.params),
        "parameters": parameters(session.plan.params),
    }
    print(_report(result))
    if arguments.json:
        write_json(result, arguments.json)
    return 0


def measure(session: Session, images: np.ndarray, repeats: int, threads: int) -> Json:
    """Times (s) of a batch of images, bytes, and the largest error beside the predicted one.

    `server_seconds_median` is that of one image: the time of a batch divided by its images. Peak
    memory is that of the process, which holds the client and the server.
    """
    client, server = session.client, session.server
    encrypt_s, server_s, decrypt_s = [], [], []
    profiles: list[tuple[StageTime, ...]] = []
    with count_progress("runs", repeats) as progress:
        for _ in range(repeats):
            begin = time.perf_counter()
            encrypted = client.encrypt(images)
            sent = time.perf_counter()
            answer = server.run(encrypted, threads=threads)
            received = time.perf_counter()
            logits = client.decrypt(answer)
            end = time.perf_counter()
            encrypt_s.append(sent - begin)
            server_s.append(received - sent)
            decrypt_s.append(end - received)
            profiles.append(answer.profile)
            progress.advance(1)
    count = len(images)
    cleartext = session.network(images).reshape(logits.shape)
    return {
        "batch": count,
        "repeats": repeats,
        "server_seconds_median": float(np.median(server_s)) / count,
        "server_seconds_smallest": min(server_s) / count,
        "server_seconds_largest": max(server_s) / count,
        "encrypt_seconds_median": float(np.median(encrypt_s)) / count,
        "decrypt_seconds_median": float(np.median(decrypt_s)) / count,
        "plan_seconds": session.plan_s,
        "key_generation_seconds": session.keys_s,
        "server_setup_seconds": session.server_s,
        "evaluation_key_bytes": session.key_bytes,
        "encrypted_image_bytes": len(encrypted.to_bytes()) // count,
        "encrypted_answer_bytes": len(answer.to_bytes()) // count,
        "peak_rss_bytes": peak_rss_bytes(),
        "kernels_compiled": session.compilation.kernels,
        "compile_seconds": session.compilation.seconds,
        "largest_error": float(np.abs(logits - cleartext).max()),
        "predicted_error_largest": float(session.plan.predicted_error.max()),
        "stages": [
            {
                "name": stage.name,
                "kind": stage.kind,
                "level_in": stage.level_in,
                "level_out": stage.level_out,
                "rotations": stage.rotations,
                "seconds_median": float(np.median([run[k].seconds for run in profiles])) / count,
            }
            for k, stage in enumerate(session.plan.stages)
        ],
    }


def _report(result: Json) -> str:
    stages: list[dict[str, float]] = result["stages"]  # type: ignore[assignment]

    def seconds(name: str) -> str:
        return f"{result[name]:.4f} s"

    def octets(name: str) -> str:
        return amount(int(str(result[name])), "B")

    rows = [
        ("network", f"{result['network']}, {result['batch']} image(s) a run"),
        ("threads", f"{result['threads']}, {result['backend']} backend"),
        ("server", f"{seconds('server_seconds_median')} an image, median of {result['repeats']}"),
        ("", f"{seconds('server_seconds_smallest')} to {seconds('server_seconds_largest')}"),
        *((f"  {stage['name']}", f"{stage['seconds_median']:.4f} s") for stage in stages),
        ("encrypt", f"{seconds('encrypt_seconds_median')}, {octets('encrypted_image_bytes')}"),
        ("decrypt", f"{seconds('decrypt_seconds_median')}, {octets('encrypted_answer_bytes')}"),
        ("keys", f"{seconds('key_generation_seconds')}, {octets('evaluation_key_bytes')}"),
        ("server set-up", seconds("server_setup_seconds")),
        ("peak memory", octets("peak_rss_bytes")),
    ]
    return listing(rows)
