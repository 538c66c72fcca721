"""A workload that ran in software: times, trace and data."""

from __future__ import annotations

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.comparison.disturbance import Disturbance
from he.ckks.params import CKKSParameters
from he.trace import OpTrace, Tracer
from nn.terminal.machine import backend_name


class WorkloadFailure(Exception):
    """A workload does not exist, or its software run is wrong."""


@dataclass(frozen=True)
class SoftwareRun:
    """One workload in software.

    samples_s: seconds of each run. layers_s, operations_s: medians by layer and by kind of
    operation, the latter on one thread; empty where there are none. trace, arrays, outputs: the
    traced run, the arrays that it read and left, and its results
    (`accel_model.execution.executor`). check: a sentence about the correctness of the result.
    disturbance: what was seen while the samples were taken. images: encrypted images of a run.
    committed_s: seconds of an image or operation from an earlier result, which committed_words
    names.
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
    disturbance: Disturbance | None = None
    images: int = 1
    committed_s: float | None = None
    committed_words: str = ""

    @property
    def median_s(self) -> float:
        """The seconds of all images: the median of `samples_s`, or those of a committed result."""
        if self.committed_s is not None:
            return self.committed_s * self.images
        return statistics.median(self.samples_s)

    @property
    def disturbed(self) -> tuple[str, ...]:
        """Why no speed-up may be made of the run's times; empty where one may."""
        if self.committed_s is not None or self.disturbance is None:
            return ()
        return self.disturbance.reasons

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
    """A tracer that also sums the seconds between records, by kind of operation."""

    def __init__(self, params: CKKSParameters, title: str = "") -> None:
        super().__init__(params, title)
        self._last = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def lap(self) -> dict[str, float]:
        """The seconds by kind since the last lap; a new lap begins."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        self._last = time.perf_counter()
        return seconds

    def record(self, kind: str, *arguments: Any, **details: Any) -> None:
        self._seconds[kind] += time.perf_counter() - self._last
        super().record(kind, *arguments, **details)
        self._last = time.perf_counter()


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each entry over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
