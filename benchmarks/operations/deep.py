"""`python -m benchmarks deep`: a deep network from its file to encrypted answers, step by step.

Each image is encrypted, run and decrypted by itself. The answers are compared with the network's in
the clear. Memory is that of the whole process: the client, the server and the network together.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from he.rlwe.evaluation_keys import EvaluationKeys
from nn.cli.describe import parameters
from nn.errors import NetworkError
from nn.inference.options import DEFAULT_OPTIONS, PlanOptions
from nn.inference.roles import StageTime
from nn.network.graph import Network
from nn.network.layers import FloatArray
from nn.packed.client import PackedClient
from nn.packed.planner import plan_packed
from nn.packed.server import PackedServer
from nn.terminal.machine import backend_name, peak_rss_bytes
from ntt.terminal import say

T = TypeVar("T")


@dataclass
class DeepRow:
    """What each step of a deep network took, in seconds, and how far the logits were off.

    image_s: of each image on `threads` threads. largest_error: over all logits of all images;
    within: whether every logit was within its predicted error. same_class: images whose class is
    that of the network in the clear.
    """

    network: str
    levels: int
    bootstraps: int
    key_bytes: int
    weight_bytes: int | None
    rotations: int
    diagonals: int
    compile_s: float
    keys_s: float
    server_s: float
    image_s: list[float]
    threads: int
    images: int
    predicted_error: float
    largest_error: float
    within: bool
    same_class: int
    peak_bytes: int
    memory_bytes: int | None
    stages: list[dict[str, object]] = field(repr=False)
    parameters: dict[str, object] = field(repr=False)

    operation: str = "deep network"


def images_of(path: Path, network: Network, count: int) -> FloatArray:
    """The first images of an npz file, (count, *input_shape), as the network takes them.

    The file holds `images`: numbers in the network's range, or bytes, which become
    ``(byte / 255 - mean) / std`` with `mean` and `std` of the file for each channel, 0 and 1 where
    there are none. Raises `NetworkError` for other files.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"][:count]
            mean = np.asarray(file.get("mean", 0.0), dtype=np.float64)
            std = np.asarray(file.get("std", 1.0), dtype=np.float64)
    except (OSError, KeyError, ValueError) as problem:
        raise NetworkError(f"{path} holds no images: {problem}") from problem
    if images.dtype == np.uint8:
        spread = (slice(None), *[None] * (len(network.input_shape) - 1))
        mean, std = (x[spread] if x.ndim else x for x in (mean, std))
        images = (images / 255.0 - mean) / std
    return np.asarray(images, dtype=np.float64)


def run_deep(
    network: Network,
    images: FloatArray,
    thread_count: int,
    memory_bytes: int | None,
    weights_folder: Path | None,
    options: PlanOptions = DEFAULT_OPTIONS,
) -> DeepRow:
    """Plan, make keys, encode, run each image; say on standard error how far it is."""
    plan, compile_s = _timed(
        "plan", lambda: plan_packed(network, options)
    )
    client, keys_s = _timed("keys", lambda: _with_keys(PackedClient(plan)))
    server, server_s = _timed(
        "server",
        lambda: PackedServer(
            plan, network, client[1], memory_bytes=memory_bytes, weights_folder=weights_folder
        ),
    )
    clear = network(images)
    times, errors, same = [], [], 0
    profile: tuple[StageTime, ...] = ()
    for number, image in enumerate(images):
        run = functools.partial(server.run, client[0].encrypt(image[None]), threads=thread_count)
        answer, seconds = _timed(f"image {number}", run)
        logits = client[0].decrypt(answer)[0]
        times.append(seconds)
        errors.append(np.abs(logits - clear[number]).ravel())
        same += int(logits.argmax() == clear[number].argmax())
        profile = answer.profile or ()
    largest = np.max(errors, axis=0)
    return DeepRow(
        network=network.name,
        levels=plan.depth,
        bootstraps=plan.bootstraps,
        key_bytes=plan.evaluation_key_bytes,
        weight_bytes=plan.weight_bytes,
        rotations=plan.rotations,
        diagonals=sum(stage.diagonals for stage in plan.stages),
        compile_s=compile_s,
        keys_s=keys_s,
        server_s=server_s,
        image_s=times,
        threads=thread_count,
        images=len(images),
        predicted_error=float(plan.predicted_error.max()),
        largest_error=float(largest.max()),
        within=bool((largest <= plan.predicted_error.ravel()).all()),
        same_class=same,
        peak_bytes=peak_rss_bytes(),
        memory_bytes=memory_bytes,
        stages=[{"name": s.name, "seconds": s.seconds, "level": s.level} for s in profile],
        parameters=parameters(plan.params) | {"backend": backend_name(plan.params)},
    )


def _with_keys(client: PackedClient) -> tuple[PackedClient, EvaluationKeys]:
    return client, client.evaluation_keys()


def _timed(what: str, work: Callable[[], T]) -> tuple[T, float]:
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    say(f"{what}: {seconds:.1f} s")
    return result, seconds
