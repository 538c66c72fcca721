"""``python -m nn bench --batched``: thousands of images at once, one in each slot."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.batched.client import BatchedClient
from nn.batched.integers import IntegerPlan
from nn.batched.plan import BatchedPlan
from nn.batched.quantize import quantize
from nn.batched.reals import RealPlan
from nn.batched.server import BatchedServer
from nn.batched.tensor import BatchedTensor
from nn.cli.console import amount, listing
from nn.cli.data import LabelledImages, load_data
from nn.cli.describe import Json, parameters, provenance
from nn.cli.options import make_batched_plan
from nn.cli.session import Stopwatch
from nn.inference.roles import StageTime
from nn.network.graph import Network
from nn.terminal.compilation_notice import watch_compilation
from nn.terminal.machine import backend_name, peak_rss_bytes
from nn.terminal.progress import count_progress
from ntt.terminal import say
from ntt.threads import check_threads

REPEATS = 3


def run_batched(arguments: argparse.Namespace, network: Network) -> Json:
    """Plan, make keys, run: the times of whole batches, their bytes, and the wrong answers."""
    check_threads(arguments.threads, "--threads")
    with watch_compilation() as compilation:
        watch = Stopwatch(compilation)
        plan = make_batched_plan(arguments, network)
        plan_s = watch.lap()
        for params in plan.params:
            backend_name(params)
        sets = "; ".join(str(params) for params in plan.params)
        say(f"{network.name}: {plan.images} images a run, {sets}")
        watch.lap()
        client = BatchedClient(plan)
        keys = [key.to_bytes() for key in client.evaluation_keys()]
        keys_s = watch.lap()
        server = BatchedServer(plan, network, keys)
        server_s = watch.lap()
        data = load_data(network, arguments.data)
        data = data.first(arguments.images or min(plan.images, len(data.images)))
        # The first run compiles or loads every kernel.
        server.run(client.encrypt(data.images[:1]), threads=arguments.threads)
    measured, answers = _measure(arguments, client, server, data)
    return {
        "network": network.name,
        "scheme": arguments.scheme,
        "layout": "batched",
        "threads": arguments.threads,
        **measured,
        **_accuracy(plan, network, data, *answers),
        "plan_seconds": plan_s,
        "key_generation_seconds": keys_s,
        "server_setup_seconds": server_s,
        "evaluation_key_bytes": sum(map(len, keys)),
        "kernels_compiled": compilation.kernels,
        "compile_seconds": compilation.seconds,
        **provenance(arguments, plan.params[0]),
        "parameters": [parameters(params) for params in plan.params],
    }


def _measure(
    arguments: argparse.Namespace,
    client: BatchedClient,
    server: BatchedServer,
    data: LabelledImages,
) -> tuple[Json, list[NDArray[Any]]]:
    """The measurements, and the answers: the logits, and the integers of an integer plan."""
    repeats = arguments.repeats or REPEATS
    begin = time.perf_counter()
    encrypted = client.encrypt(data.images, progress=True)
    encrypt_s = time.perf_counter() - begin
    server_s: list[float] = []
    answers: list[BatchedTensor] = []
    with count_progress("runs", repeats) as progress:
        for _ in range(repeats):
            begin = time.perf_counter()
            answers.append(server.run(encrypted, threads=arguments.threads))
            server_s.append(time.perf_counter() - begin)
            progress.advance(1)
    begin = time.perf_counter()
    logits = client.decrypt(answers[-1])
    decrypt_s = time.perf_counter() - begin
    exact = isinstance(client.plan, IntegerPlan)
    found = [logits, client.integers(answers[-1])] if exact else [logits]
    count = len(data.images)
    measured: Json = {
        "images": count,
        "repeats": repeats,
        "server_seconds_median": float(np.median(server_s)),
        "server_seconds_smallest": min(server_s),
        "server_seconds_largest": max(server_s),
        "server_seconds_an_image": float(np.median(server_s)) / count,
        "encrypt_seconds": encrypt_s,
        "decrypt_seconds": decrypt_s,
        "encrypted_images_bytes": len(encrypted.to_bytes()),
        "encrypted_answers_bytes": len(answers[-1].to_bytes()),
        "peak_rss_bytes": peak_rss_bytes(),
        "layers": _operations([answer.profile for answer in answers]),
    }
    return measured, found


def _operations(profiles: Sequence[Sequence[StageTime]]) -> list[dict[str, object]]:
    """Each operation of the circuit with its median time."""
    return [
        {
            "name": operation.name,
            "seconds_median": float(np.median([run[k].seconds for run in profiles])),
        }
        for k, operation in enumerate(profiles[0])
    ]


def _accuracy(
    plan: BatchedPlan,
    network: Network,
    data: LabelledImages,
    logits: NDArray[Any],
    integers: NDArray[Any] | None = None,
) -> Json:
    """The answers compared with the labels, and with the network in the clear.

    Integers are compared with the quantised network.
    """
    cleartext = network(data.images).reshape(logits.shape)
    errors = np.abs(logits - cleartext)
    result: Json = {
        "accuracy": float((logits.argmax(axis=1) == data.labels).mean()),
        "accuracy_of_the_network": float((cleartext.argmax(axis=1) == data.labels).mean()),
        "largest_error": float(errors.max()),
    }
    if isinstance(plan, RealPlan):
        beyond = np.any(errors > plan.predicted_error, axis=1)
        result |= {
            "predicted_error_largest": float(plan.predicted_error.max()),
            "images_compared": len(beyond),
            "images_beyond_the_predicted_error": int(beyond.sum()),
        }
    if isinstance(plan, IntegerPlan) and integers is not None:
        quantized = quantize(network, input_bits=plan.input_bits, weight_bits=plan.weight_bits)
        wrong = (integers != quantized.integers(data.images)).any(axis=1)
        result |= {
            "input_bits": plan.input_bits,
            "weight_bits": plan.weight_bits,
            "answer_bits": quantized.max_abs.bit_length() + 1,
            "images_compared": len(wrong),
            "images_with_a_wrong_integer": int(wrong.sum()),
        }
    return result


def report(result: Json) -> str:
    """The result as a table to read."""
    layers: list[dict[str, float]] = result["layers"]  # type: ignore[assignment]

    def seconds(name: str) -> str:
        return f"{result[name]:.2f} s"

    def octets(name: str) -> str:
        return amount(int(str(result[name])), "B")

    rows = [
        ("network", f"{result['network']}, {result['images']} images at once"),
        ("threads", f"{result['threads']}, {result['backend']} backend"),
        ("server", f"{seconds('server_seconds_median')}, median of {result['repeats']}"),
        ("", f"{seconds('server_seconds_smallest')} to {seconds('server_seconds_largest')}"),
        *((f"  {layer['name']}", f"{layer['seconds_median']:.2f} s") for layer in layers),
        ("encrypt", f"{seconds('encrypt_seconds')}, {octets('encrypted_images_bytes')}"),
        ("decrypt", f"{seconds('decrypt_seconds')}, {octets('encrypted_answers_bytes')}"),
        ("keys", f"{seconds('key_generation_seconds')}, {octets('evaluation_key_bytes')}"),
        ("peak memory", octets("peak_rss_bytes")),
        ("accuracy", f"{result['accuracy']:.2%} ({result['accuracy_of_the_network']:.2%} real)"),
    ]
    compared = f"of {result['images_compared']} images"
    if (wrong := result.get("images_with_a_wrong_integer")) is not None:
        rows.append(("wrong", f"{wrong} {compared} in any integer"))
    if (beyond := result.get("images_beyond_the_predicted_error")) is not None:
        error, bound = result["largest_error"], result["predicted_error_largest"]
        rows.append(("error", f"{error:.2g} at most, {bound:.2g} predicted"))
        rows.append(("wrong", f"{beyond} {compared} beyond the predicted error"))
    return listing(rows)


def fail_if_wrong(result: Json) -> int:
    """The command's exit status: 1 if an answer breaks the plan's promise."""
    wrong = 0
    for kind in ("with_a_wrong_integer", "beyond_the_predicted_error"):
        count = int(str(result.get(f"images_{kind}", 0)))
        if count:
            say(f"{count} images {kind.replace('_', ' ')}")
        wrong += count
    return 1 if wrong else 0
