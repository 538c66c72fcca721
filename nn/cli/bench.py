"""``python -m nn bench``: the time of one image, and its bytes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from he.format.files import check_writable
from nn.cli import batched_bench
from nn.cli.console import amount, listing
from nn.cli.data import load_data
from nn.cli.describe import Json, parameters, provenance, write_json
from nn.cli.options import (
    Subparsers,
    add_batched_options,
    add_count_option,
    add_data_option,
    add_memory_options,
    add_threads_option,
    command_parser,
    network_of,
)
from nn.cli.session import Session, decrypted, open_session
from nn.errors import NetworkError
from nn.inference.roles import StageTime
from nn.network.layers import FloatArray
from nn.terminal.machine import peak_rss_bytes
from nn.terminal.progress import count_progress

REPEATS = 20

_PACKED = ("batch", "memory", "weights_folder")
_BATCHED = ("images", "input_bits", "weight_bits")
"""Options, without a default, that only one of the two layouts has."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "bench",
        "measure the server's time for one image, key sizes and memory",
        "Before the measurement, keys are loaded and kernels compiled. Times are medians over the "
        "repeats.",
    )
    add_data_option(parser)
    add_threads_option(parser, default=1)
    add_memory_options(parser)
    repeats = f"timed runs of the server (default: {REPEATS}, batched {batched_bench.REPEATS})"
    add_count_option(parser, "--repeats", None, repeats)
    add_count_option(parser, "--batch", None, "images in each run (default: 1)")
    add_batched_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the result, write it as JSON."""
    if arguments.json:
        check_writable(arguments.json, make_folders=True)
    batched = arguments.batched or arguments.scheme == "bfv"
    _refuse_without_effect(arguments, batched)
    network = network_of(arguments)
    if batched:
        result = batched_bench.run_batched(arguments, network)
        print(batched_bench.report(result))
        if arguments.json:
            write_json(result, arguments.json)
        return batched_bench.fail_if_wrong(result)
    data = load_data(network, arguments.data).first(arguments.batch or 1)
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


def _refuse_without_effect(arguments: argparse.Namespace, batched: bool) -> None:
    """Raise `NetworkError` for an option of the other layout."""
    for name in _PACKED if batched else _BATCHED:
        if getattr(arguments, name) is not None:
            raise NetworkError(
                f"--{name.replace('_', '-')} {getattr(arguments, name)} has no effect "
                f"{'on' if batched else 'without'} a batched run: leave it out"
                + ("" if batched else ", or add --batched")
            )


def measure(session: Session, images: np.ndarray, repeats: int, threads: int) -> Json:
    """Times (s) of a batch of images, bytes, and the largest error beside the predicted error.

    Times are those of one image: the time of a batch divided by the number of its images. The peak
    memory is that of this process, which holds the client and the server.
    """
    client, server, count = session.client, session.server, len(images)
    seconds: list[tuple[float, float, float]] = []
    profiles: list[tuple[StageTime, ...]] = []
    with count_progress("runs", repeats) as progress:
        for _ in range(repeats):
            begin = time.perf_counter()
            encrypted = client.encrypt(images)
            sent = time.perf_counter()
            answer = server.run(encrypted, threads=threads)
            received = time.perf_counter()
            logits, _ = decrypted(client, answer)
            end = time.perf_counter()
            seconds.append((sent - begin, received - sent, end - received))
            profiles.append(answer.profile)
            progress.advance(1)
    cleartext = session.network(images).reshape(logits.shape)
    return {
        "batch": count,
        "repeats": repeats,
        **_times(session, np.array(seconds) / count),
        "evaluation_key_bytes": session.key_bytes,
        "encrypted_image_bytes": len(encrypted.to_bytes()) // count,
        "encrypted_answer_bytes": len(answer.to_bytes()) // count,
        "peak_rss_bytes": peak_rss_bytes(),
        "kernels_compiled": session.compilation.kernels,
        "compile_seconds": session.compilation.seconds,
        "largest_error": float(np.abs(logits - cleartext).max()),
        "predicted_error_largest": float(session.plan.predicted_error.max()),
        "stages": _stages(session, profiles, count),
    }


def _times(session: Session, seconds: FloatArray) -> Json:
    """The times of one image and of the set-up. seconds: (repeats, 3) encrypt, run, decrypt."""
    encrypt_s, server_s, decrypt_s = np.median(seconds, axis=0).tolist()
    return {
        "server_seconds_median": server_s,
        "server_seconds_smallest": float(seconds[:, 1].min()),
        "server_seconds_largest": float(seconds[:, 1].max()),
        "encrypt_seconds_median": encrypt_s,
        "decrypt_seconds_median": decrypt_s,
        "plan_seconds": session.plan_s,
        "key_generation_seconds": session.keys_s,
        "server_setup_seconds": session.server_s,
    }


def _stages(
    session: Session, profiles: Sequence[Sequence[StageTime]], count: int
) -> list[dict[str, object]]:
    """Each stage of the plan with the server's median time for one image."""
    return [
        {
            "name": stage.name,
            "kind": stage.kind,
            "level_in": stage.level_in,
            "level_out": stage.level_out,
            "rotations": stage.rotations,
            "seconds_median": float(np.median([run[k].seconds for run in profiles])) / count,
        }
        for k, stage in enumerate(session.plan.stages)
    ]


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
