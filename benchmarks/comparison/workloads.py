"""What `compare` runs in software: an encrypted network, or one operation; timed, and traced."""

from __future__ import annotations

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import nn
from benchmarks.operations.primitives import check, interleaved
from benchmarks.peers import Case, he_accel
from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.trace import OpTrace, Tracer
from nn.cli.session import status
from nn.terminal.machine import backend_name
from nn.terminal.progress import count_progress
from ntt import threads as ntt_threads

OPERATIONS: dict[str, Callable[[Evaluator, Ciphertext, Ciphertext], Ciphertext]] = {
    "rotate": lambda evaluator, a, b: evaluator.rotate(a, 1),
    "multiply": lambda evaluator, a, b: evaluator.multiply(a, b),
}
"""Single operations: rotate by one slot; multiply, relinearize and rescale."""


class WorkloadFailure(Exception):
    """A workload does not exist, or its software run is wrong."""


@dataclass(frozen=True)
class SoftwareRun:
    """One workload in software, and what it did.

    samples_s: seconds of each run. layers_s, operations_s: medians by layer and by kind of
    operation, the latter on one thread; empty where there are none. arrays, outputs: what the
    traced run read and left (`accel_model.execution.executor`). check: what the result was held to.
    """

    name: str
    title: str
    params: CKKSParameters
    threads: int
    samples_s: tuple[float, ...]
    layers_s: dict[str, float]
    operations_s: dict[str, float]
    trace: OpTrace
    arrays: Mapping[tuple[str, str], Any]
    outputs: tuple[np.ndarray, ...]
    check: str

    @property
    def median_s(self) -> float:
        return statistics.median(self.samples_s)

    def parameters(self) -> dict[str, object]:
        """The parameter set as plain data."""
        params = self.params
        return {
            "N": params.N,
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "log2_QP": round(params.log_qp, 1),
            "dnum": params.dnum,
            "levels": params.max_level,
            "scale_bits": round(math.log2(params.scales[-1]), 2),
            "security_estimate_bits": params.security_estimate,
            "backend": backend_name(params),
        }


class TimedTracer(Tracer):
    """A tracer that also sums up the seconds from record to record, by kind of operation."""

    def __init__(self, params: CKKSParameters, title: str = "") -> None:
        super().__init__(params, title)
        self._last = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def lap(self) -> dict[str, float]:
        """Seconds by kind since the last lap, and the beginning of the next."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        self._last = time.perf_counter()
        return seconds

    def record(self, kind: str, *arguments: Any, **details: Any) -> None:
        self._seconds[kind] += time.perf_counter() - self._last
        super().record(kind, *arguments, **details)
        self._last = time.perf_counter()


def run_network(
    network: nn.Network,
    plan: nn.InferencePlan,
    image: np.ndarray,
    *,
    repeats: int,
    threads: int,
) -> SoftwareRun:
    """One encrypted image (1, *input_shape) through the network, `repeats` times.

    Raises `WorkloadFailure` if a logit is off by more than predicted, or if the traced run's
    ciphertexts are not those of the timed one.
    """
    params = plan.params
    status(
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
    if any(
        not np.array_equal(a.data, b.data)
        for a, b in zip(answer.ciphertexts, traced.ciphertexts, strict=True)
    ):
        raise WorkloadFailure(f"{network.name}: the traced run has other bits than the timed run")
    error = np.abs(client.decrypt(answer) - network(image).reshape(1, -1))
    if not (error <= plan.predicted_error).all():
        raise WorkloadFailure(
            f"a logit of {network.name!r} is off by {error.max():.3g}, predicted were at most "
            f"{plan.predicted_error.max():.3g}"
        )
    samples: list[float] = []
    layers: list[dict[str, float]] = []
    kinds: list[dict[str, float]] = []
    with count_progress("software runs", 2 * repeats) as progress:
        for _ in range(repeats):
            begin = time.perf_counter()
            answer = server.run(encrypted, threads=threads)
            samples.append(time.perf_counter() - begin)
            layers.append({stage.name: stage.seconds for stage in answer.profile})
            progress.advance(1)
        # Not in turns: each server has encoded weights of its own, and caches to fill with them.
        for _ in range(repeats):
            tracer.lap()
            traced_server.run(encrypted)
            kinds.append(tracer.lap())
            progress.advance(1)
    return SoftwareRun(
        name=network.name,
        title=f"{network.name}: one encrypted image",
        params=params,
        threads=threads,
        samples_s=tuple(samples),
        layers_s=_medians(layers),
        operations_s=_medians(kinds),
        trace=trace,
        arrays=arrays,
        outputs=tuple(ciphertext.data for ciphertext in traced.ciphertexts),
        check=f"decrypted logits off by {error.max():.2g} at most, predicted "
        f"{plan.predicted_error.max():.2g}",
    )


def run_operation(name: str, case: Case, *, seconds: float, threads: int) -> SoftwareRun:
    """One operation of `OPERATIONS` on fresh ciphertexts, repeated for so many seconds.

    Raises `WorkloadFailure` for a case without parameters, `WrongResult` for a wrong result.
    """
    status(f"{name}: N = {case.N}, depth {case.depth}; making keys")
    try:
        library = he_accel.set_up(case)
    except ValueError as error:
        raise WorkloadFailure(
            f"N = {case.N}, depth {case.depth}: {error}: a larger N or a smaller depth is needed"
        ) from error
    params = library.params
    tracer = TimedTracer(params, name)
    evaluator = Evaluator(params, library.keys, tracer)
    a, b = library.inputs
    for ciphertext in (a, b)[: 2 if name == "multiply" else 1]:
        tracer.input(ciphertext.data)
    tracer.layer = name
    result = OPERATIONS[name](evaluator, a, b)
    tracer.output(result.data)
    trace, arrays = tracer.trace(), dict(tracer.arrays)
    with ntt_threads.limit(threads):
        check(library, case, name)
        timed: Callable[[], object] = library.operations[name]
        expected = timed()
        assert isinstance(expected, Ciphertext)
        if not np.array_equal(expected.data, result.data):
            raise WorkloadFailure(f"{name}: the traced run has other bits than the timed run")
        kinds: list[dict[str, float]] = []

        def traced() -> None:
            tracer.lap()
            OPERATIONS[name](evaluator, a, b)
            kinds.append(tracer.lap())

        (samples,) = interleaved([timed], seconds / 2)
        interleaved([traced], seconds / 2)
    return SoftwareRun(
        name=name,
        title=f"{name}: one operation at N = {case.N}, depth {case.depth}",
        params=params,
        threads=threads,
        samples_s=tuple(samples),
        layers_s={},
        operations_s=_medians(kinds),
        trace=trace,
        arrays=arrays,
        outputs=(result.data,),
        check="the decrypted result is right",
    )


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
