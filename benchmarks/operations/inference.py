"""`python -m benchmarks inference`: one encrypted image, here and in TenSEAL's tutorial network."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import nn
from benchmarks.operations.memory import Operations, peak_bytes
from benchmarks.operations.turns import timed
from benchmarks.peers.library import own_version
from nn.terminal.machine import backend_name


@dataclass
class InferenceRow:
    """The time of one network of one library; `median_s` is the server's time for one image."""

    library: str
    version: str
    network: str
    N: int
    threads: int
    batch: int
    median_s: float
    repeats: int
    evaluation_key_bytes: int | None
    ciphertext_bytes: int
    parameters: dict[str, object] = field(repr=False)

    operation: str = "inference"
    peak_bytes: int | None = None


class _Client(NamedTuple):
    """A network of the zoo with its plan, a client, and some images."""

    network: nn.Network
    plan: nn.InferencePlan
    client: nn.PackedClient
    images: np.ndarray


def _client(name: str, batch: int) -> _Client:
    network, images = nn.zoo.load(name), nn.zoo.test_images(name)[0]
    if batch > len(images):
        raise nn.NetworkError(f"a batch of {batch}: {name!r} has {len(images)} test images")
    plan = nn.compile(network)
    return _Client(network, plan, nn.Client(plan), images[:batch])


def our_workload(name: str, threads: int, batch: int) -> Iterator[Operations]:
    """A zoo network's server with keys and encrypted images, for `benchmarks.operations.memory`."""
    network, plan, client, images = _client(name, batch)
    yield {}
    server = nn.Server(plan, network, client.evaluation_keys().to_bytes())
    encrypted = client.encrypt(images)
    yield {"inference": lambda: server.run(encrypted, threads=threads)}


def run_ours(
    name: str, threads: int, batch: int, repeats: int, memory: bool = False
) -> InferenceRow:
    """Time a zoo network on `batch` images at once.

    Raises `NetworkError` where a decrypted logit is off by more than the predicted error.
    """
    network, plan, client, images = _client(name, batch)
    keys = client.evaluation_keys().to_bytes()
    server = nn.Server(plan, network, keys)
    encrypted = client.encrypt(images)
    error = np.abs(client.decrypt(server.run(encrypted, threads=threads)) - network(images))
    if not (error <= plan.predicted_error).all():
        raise nn.NetworkError(
            f"a logit of {name!r} is off by {error.max():.3g}: at most "
            f"{plan.predicted_error.max():.3g} was predicted"
        )
    samples = timed(lambda: server.run(encrypted, threads=threads), repeats)
    return InferenceRow(
        library="he-accel",
        version=own_version(),
        network=name,
        N=plan.params.N,
        threads=threads,
        batch=batch,
        median_s=statistics.median(samples) / batch,
        repeats=repeats,
        evaluation_key_bytes=len(keys),
        ciphertext_bytes=len(encrypted.to_bytes()) // batch,
        parameters={
            "q_bits": [q.bit_length() for q in plan.params.q],
            "p_bits": [p.bit_length() for p in plan.params.p],
            "log_qp": round(plan.params.log_qp, 1),
            "backend": backend_name(plan.params),
        },
        peak_bytes=_peak(our_workload, name, threads, batch) if memory else None,
    )


_TENSEAL_BITS = (31, 26, 26, 26, 26, 26, 26, 31)


def tenseal_workload() -> Iterator[Operations]:
    """TenSEAL's network with its context, for `benchmarks.operations.memory`."""
    importlib.import_module("tenseal")
    yield {}
    infer, _, _ = _tenseal_network()
    yield {"inference": infer}


def _tenseal_network() -> tuple[Callable[[], object], Any, Any]:
    """(one inference, the context, the encrypted image)."""
    import tenseal as ts

    random = np.random.default_rng(0)
    bits = list(_TENSEAL_BITS)
    context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=bits, n_threads=1)
    context.global_scale = 2.0**26
    context.generate_galois_keys()
    kernels = random.normal(size=(4, 7, 7)).tolist()
    first, second = random.normal(size=(256, 64)).tolist(), random.normal(size=(64, 10)).tolist()
    image = random.uniform(0, 1, (28, 28)).tolist()
    encrypted, windows = ts.im2col_encoding(context, image, 7, 7, 3)

    def infer() -> object:
        channels = [encrypted.conv2d_im2col(kernel, windows) for kernel in kernels]
        hidden = ts.CKKSVector.pack_vectors(channels)
        hidden = hidden.square().mm(first).square()
        return hidden.mm(second)

    return infer, context, encrypted


def run_tenseal(repeats: int, memory: bool = False) -> InferenceRow:
    """Time TenSEAL's tutorial network: conv 4x7x7/3, square, FC 64, square, FC 10.

    The weights are random; the time does not depend on them. Raises `ImportError` without TenSEAL.
    """
    import tenseal as ts

    infer, context, encrypted = _tenseal_network()
    infer()
    samples = timed(infer, repeats)
    public = context.copy()
    public.make_context_public()
    return InferenceRow(
        library="TenSEAL",
        version=ts.__version__,
        network="tutorial (conv 4x7x7/3, square, FC 64, square, FC 10)",
        N=8192,
        threads=1,
        batch=1,
        median_s=statistics.median(samples),
        repeats=repeats,
        evaluation_key_bytes=len(public.serialize()),
        ciphertext_bytes=len(encrypted.serialize()),
        parameters={
            "q_bits": list(_TENSEAL_BITS[:-1]),
            "p_bits": list(_TENSEAL_BITS[-1:]),
            "log_qp": sum(_TENSEAL_BITS),
        },
        peak_bytes=_peak(tenseal_workload) if memory else None,
    )


def _peak(workload: Callable[..., Iterator[Operations]], *arguments: object) -> int | None:
    return peak_bytes(workload, *arguments).get("inference")
