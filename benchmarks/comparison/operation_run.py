"""One homomorphic operation in software, timed and traced."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.comparison.disturbance import watched
from benchmarks.comparison.software import SoftwareRun, TimedTracer, WorkloadFailure, medians
from benchmarks.operations.ckks import check
from benchmarks.operations.turns import interleaved
from benchmarks.peers.ckks import he_accel
from benchmarks.peers.library import Case, UnsupportedCase
from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from ntt import threads as ntt_threads
from ntt.terminal import say

OPERATIONS: dict[str, Callable[[Evaluator, Ciphertext, Ciphertext], Ciphertext]] = {
    "rotate": lambda evaluator, a, b: evaluator.rotate(a, 1),
    "multiply": lambda evaluator, a, b: evaluator.multiply(a, b),
}
"""Single operations: rotate by one slot; multiply, with relinearization and rescaling."""


def run_operation(name: str, case: Case, *, seconds: float, threads: int) -> SoftwareRun:
    """One operation of `OPERATIONS` on fresh ciphertexts, repeated for so many seconds.

    Raises `WorkloadFailure` for a case without parameters, `WrongResult` for a wrong result.
    """
    say(f"{name}: N = {case.N}, depth {case.depth}; making keys")
    try:
        library = he_accel.set_up(case)
    except UnsupportedCase as error:
        raise WorkloadFailure(f"{error}: a larger N or a smaller depth is needed") from error
    tracer = TimedTracer(library.params, name)
    evaluator = Evaluator(library.params, library.keys, tracer)
    result = _traced(name, library, evaluator, tracer)
    trace, arrays = tracer.trace(), dict(tracer.arrays)
    kinds: list[dict[str, float]] = []

    def by_kind() -> None:
        tracer.lap()
        OPERATIONS[name](evaluator, *library.inputs)
        kinds.append(tracer.lap())

    with ntt_threads.limit(threads):
        check(library, case, name)
        timed = library.operations[name]
        expected = timed()
        assert isinstance(expected, Ciphertext)
        if not np.array_equal(expected.data, result.data):
            raise WorkloadFailure(f"{name}: the traced run has other bits than the timed run")
        with watched(threads) as watch:
            (samples,) = interleaved([timed], seconds / 2)
        interleaved([by_kind], seconds / 2)
    return SoftwareRun(
        name=name,
        title=f"{name}: one operation at N = {case.N}, depth {case.depth}",
        params=library.params,
        threads=threads,
        samples_s=tuple(samples),
        layers_s={},
        operations_s=medians(kinds),
        trace=trace,
        arrays=arrays,
        outputs=(result.data,),
        check="the decrypted result is right",
        disturbance=watch.result(samples),
    )


def _traced(
    name: str, library: he_accel.OwnLibrary, evaluator: Evaluator, tracer: TimedTracer
) -> Ciphertext:
    """The result of the operation, which the tracer records with its inputs and its output."""
    for ciphertext in library.inputs[: 2 if name == "multiply" else 1]:
        tracer.input(ciphertext.data)
    tracer.layer = name
    result = OPERATIONS[name](evaluator, *library.inputs)
    tracer.output(result.data)
    return result
