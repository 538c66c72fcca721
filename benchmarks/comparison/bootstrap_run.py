"""A bootstrap in software, timed and traced."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import he
from benchmarks.comparison.software import SoftwareRun, TimedTracer, WorkloadFailure, medians
from benchmarks.peers.library import Case
from he.ckks.bootstrap.bootstrapper import Bootstrapper
from ntt import threads as ntt_threads
from ntt.terminal import say

DEFAULT_CASE = Case(1 << 15, 2)
_SMALLEST_SECURE_N = 1 << 15
_SCALE_BITS = 36.0
_PRECISION_BITS = 12.0
_LEAST_ROUNDS = 3


def bootstrap_parameters(case: Case) -> he.CKKSParameters:
    """Parameters with so many levels between two bootstraps, for all slots.

    A ring below 2^15 carries no secure bootstrap: it gets parameters without security, which have
    costs and no other use. Raises `WorkloadFailure` for a case without parameters.
    """
    reason = None
    if case.N < _SMALLEST_SECURE_N:
        reason = "random messages, encrypted to be timed"
        say(f"bootstrap: no parameters at N = {case.N} are secure, so these are not")
    try:
        return he.CKKSParameters.build(
            case.depth,
            N=case.N,
            scale_bits=_SCALE_BITS if case.scale_bits is None else case.scale_bits,
            bootstrap=he.Bootstrapping(precision_bits=_PRECISION_BITS),
            insecure_reason=reason,
        )
    except ValueError as error:
        raise WorkloadFailure(f"bootstrap at N = {case.N}, depth {case.depth}: {error}") from error


def run_bootstrap(case: Case, *, seconds: float, threads: int) -> SoftwareRun:
    """Bootstraps of random complex messages in all slots, for so many seconds and three or more.

    Raises `WorkloadFailure` for a case without parameters, where the error is larger than
    predicted, and where the traced run has other bits than the timed run.
    """
    params = bootstrap_parameters(case)
    bootstrapper = Bootstrapper(params)
    say(f"bootstrap: N = {params.N}; making {bootstrapper.key_bytes / 1e6:.0f} MB of keys")
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, bootstrapper.needs)
    encoder = he.Encoder(params)
    parts = np.random.default_rng(17).uniform(-1, 1, (2, params.slots))
    message = parts[0] + 1j * parts[1]
    plain = encoder.encode(message, bootstrapper.input_level)
    x = he.Encryptor(params, secret).encrypt(plain)
    tracer = TimedTracer(params, "bootstrap")
    traced_evaluator = he.Evaluator(params, keys, tracer)
    tracer.input(x.data)
    traced, _ = _refreshed(bootstrapper, traced_evaluator, x)
    tracer.output(traced.data)
    trace, arrays = tracer.trace(), dict(tracer.arrays)
    evaluator = he.Evaluator(params, keys)
    with ntt_threads.limit(threads):
        refreshed = bootstrapper.apply(evaluator, x)
    if not np.array_equal(refreshed.data, traced.data):
        raise WorkloadFailure("bootstrap: the traced run has other bits than the timed run")
    found = encoder.decode(he.Decryptor(params, secret).decrypt(refreshed))
    error = _checked_error(found - message, bootstrapper.error.within())
    samples: list[float] = []
    layers: list[dict[str, float]] = []
    kinds: list[dict[str, float]] = []
    end = time.perf_counter() + seconds
    while len(samples) < _LEAST_ROUNDS or time.perf_counter() < end:
        with ntt_threads.limit(threads):
            _, steps = _refreshed(bootstrapper, evaluator, x)
        samples.append(sum(steps.values()))
        layers.append({name: steps[name] for name in steps if name != "drop"})
        tracer.lap()
        with ntt_threads.limit(1):
            _refreshed(bootstrapper, traced_evaluator, x)
        kinds.append(tracer.lap())
    return SoftwareRun(
        name="bootstrap",
        title=f"bootstrap: one ciphertext of {params.slots} complex slots at N = {params.N}, "
        f"{bootstrapper.levels} levels between two bootstraps",
        params=params,
        threads=threads,
        samples_s=tuple(samples),
        layers_s=medians(layers),
        operations_s=medians(kinds),
        trace=trace,
        arrays=arrays,
        outputs=(traced.data,),
        check=f"the largest error of a part of a slot is {error:.2g}, at most "
        f"{bootstrapper.error.within():.2g} was predicted",
    )


def _refreshed(
    bootstrapper: Bootstrapper, evaluator: he.Evaluator, x: he.Ciphertext
) -> tuple[he.Ciphertext, dict[str, float]]:
    """The refreshed ciphertext, and the seconds of each step; a tracer names layers after steps."""
    steps, times = bootstrapper.steps(evaluator, x), {}
    for name in bootstrapper.step_names:
        if evaluator.tracer is not None:
            evaluator.tracer.layer = name
        begin = time.perf_counter()
        _, x = next(steps)
        times[name] = time.perf_counter() - begin
    return x, times


def _checked_error(difference: Any, predicted: float) -> float:
    """The largest error of a part; raises `WorkloadFailure` above the predicted one."""
    error = float(max(np.abs(difference.real).max(), np.abs(difference.imag).max()))
    if not error <= predicted:
        raise WorkloadFailure(
            f"bootstrap: a slot is off by {error:.3g}: at most {predicted:.3g} was predicted"
        )
    return error
