"""An encrypted network in software, timed and traced."""

from __future__ import annotations

import time

import numpy as np

import nn
from benchmarks.comparison.disturbance import watched
from benchmarks.comparison.software import SoftwareRun, TimedTracer, WorkloadFailure, medians
from nn.terminal.progress import CountProgress, count_progress
from ntt.terminal import say


def run_network(
    network: nn.Network,
    plan: nn.InferencePlan,
    image: np.ndarray,
    *,
    repeats: int,
    threads: int,
) -> SoftwareRun:
    """Encrypted images (count, *input_shape) through the network, `repeats` times.

    Raises `WorkloadFailure` where a logit is off by more than the predicted error, and where the
    traced run's ciphertexts are not those of the timed run.
    """
    params = plan.params
    say(
        f"{network.name}: N = {params.N}, {plan.depth} levels, {params.security_estimate}-bit "
        f"security; making {plan.rotations} rotation keys"
    )
    client = nn.Client(plan)
    keys = client.evaluation_keys()
    server = nn.Server(plan, network, keys)
    tracer = TimedTracer(params, network.name)
    traced_server = nn.Server(plan, network, keys, tracer=tracer)
    encrypted = client.encrypt(image)
    traced = traced_server.run(encrypted)
    trace, arrays = tracer.trace(), dict(tracer.arrays)
    answer = server.run(encrypted, threads=threads)
    _check_same_bits(network.name, answer, traced)
    error = _checked_error(network, plan, client.decrypt(answer), image)
    # Not in turns: each server has its own encoded weights, which would empty the other's caches.
    with count_progress("software runs", 2 * repeats) as progress:
        with watched(threads) as watch:
            samples, layers = _timed_runs(server, encrypted, threads, repeats, progress)
        kinds = _traced_runs(traced_server, tracer, encrypted, repeats, progress)
    return SoftwareRun(
        name=network.name,
        title=f"{network.name}: {counted(len(image))}",
        params=params,
        threads=threads,
        samples_s=tuple(samples),
        layers_s=medians(layers),
        operations_s=medians(kinds),
        trace=trace,
        arrays=arrays,
        outputs=tuple(ciphertext.data for ciphertext in traced.ciphertexts),
        disturbance=watch.result(samples),
        images=len(image),
        check=f"the largest error of a decrypted logit is {error:.2g}, at most "
        f"{plan.predicted_error.max():.2g} was predicted",
    )


def counted(images: int) -> str:
    """So many encrypted images, in words."""
    return "one encrypted image" if images == 1 else f"{images} encrypted images"


def _check_same_bits(name: str, timed: nn.EncryptedBatch, traced: nn.EncryptedBatch) -> None:
    for a, b in zip(timed.ciphertexts, traced.ciphertexts, strict=True):
        if not np.array_equal(a.data, b.data):
            raise WorkloadFailure(f"{name}: the traced run has other bits than the timed run")


def _checked_error(
    network: nn.Network, plan: nn.InferencePlan, logits: np.ndarray, image: np.ndarray
) -> float:
    """The largest error of a logit; raises `WorkloadFailure` above the predicted error."""
    error = np.abs(logits - network(image).reshape(len(image), -1))
    if not (error <= plan.predicted_error).all():
        raise WorkloadFailure(
            f"a logit of {network.name!r} is off by {error.max():.3g}: at most "
            f"{plan.predicted_error.max():.3g} was predicted"
        )
    return float(error.max())


def _timed_runs(
    server: nn.PackedServer,
    encrypted: nn.EncryptedBatch,
    threads: int,
    repeats: int,
    progress: CountProgress,
) -> tuple[list[float], list[dict[str, float]]]:
    """The seconds of each run, and its seconds by layer."""
    samples: list[float] = []
    layers: list[dict[str, float]] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        answer = server.run(encrypted, threads=threads)
        samples.append(time.perf_counter() - begin)
        layers.append({stage.name: stage.seconds for stage in answer.profile})
        progress.advance(1)
    return samples, layers


def _traced_runs(
    server: nn.PackedServer,
    tracer: TimedTracer,
    encrypted: nn.EncryptedBatch,
    repeats: int,
    progress: CountProgress,
) -> list[dict[str, float]]:
    """The seconds of each run by kind of operation."""
    kinds = []
    for _ in range(repeats):
        tracer.lap()
        server.run(encrypted)
        kinds.append(tracer.lap())
        progress.advance(1)
    return kinds
