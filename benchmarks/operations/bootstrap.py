"""`python -m benchmarks bootstrap`: what a bootstrap takes, and what it leaves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import he
from he.ckks.noise import precision_bits
from nn.terminal.machine import peak_rss_bytes
from ntt import threads


@dataclass(frozen=True)
class BootstrapCase:
    """A parameter set: the levels and the scale that are left, and what is asked of a bootstrap.

    stored_bytes: keys are in a file, and take no more than this memory between their uses; None
    for keys in memory.
    """

    name: str
    N: int
    depth: int
    scale_bits: float
    wanted: he.Bootstrapping
    insecure_reason: str | None = None
    stored_bytes: int | None = None

    def __str__(self) -> str:
        return self.name

    def parameters(self) -> he.CKKSParameters:
        """The parameter set."""
        return he.CKKSParameters.build(
            self.depth,
            scale_bits=self.scale_bits,
            N=self.N,
            bootstrap=self.wanted,
            insecure_reason=self.insecure_reason,
        )


CASES = (
    BootstrapCase(
        "full-stored-keys", 1 << 16, 9, 40, he.Bootstrapping(precision_bits=15),
        stored_bytes=1 << 28,
    ),
    BootstrapCase("full", 1 << 16, 9, 40, he.Bootstrapping(precision_bits=15)),
    BootstrapCase(
        "full-small-keys", 1 << 16, 9, 40, he.Bootstrapping(precision_bits=15, small_keys=True)
    ),
    BootstrapCase("precise", 1 << 16, 9, 40, he.Bootstrapping(precision_bits=21)),
    BootstrapCase("half", 1 << 15, 6, 30, he.Bootstrapping(precision_bits=11)),
    BootstrapCase(
        "sparse", 1 << 15, 6, 30, he.Bootstrapping(precision_bits=11, slots=1 << 12, real=True)
    ),
)
"""Full slots of the largest ring and of half of it, keys in a file, few keys, more precision, and
sparse slots. The first one comes first, so that the peak of memory is its own.
"""


@dataclass(frozen=True)
class BootstrapRow:
    """One parameter set on so many threads; times in seconds of the clock.

    cpu_s: the least processor time, of all threads. worst_bits, mean_bits: over the parts of all
    slots of all bootstraps, what each adds to the error of its input. steps: the best time of each.
    rate: slots times levels times bits of precision in a second, which unlike parameters share.
    """

    case: str
    N: int
    slots: int
    levels: int
    scale_bits: float
    threads: int
    best_s: float
    cpu_s: float
    median_s: float
    repeats: int
    steps: dict[str, float]
    worst_bits: float
    mean_bits: float
    predicted_bits: float
    failure_probability: float
    key_bytes: int
    key_memory_bytes: int
    weight_bytes: int
    keys_s: float
    prepare_s: float
    rate: float
    peak_rss_bytes: int


def run(
    cases: Sequence[BootstrapCase] = CASES,
    *,
    thread_counts: Sequence[int] = (1, 2),
    repeats: int = 3,
    report: Callable[[BootstrapRow], None] = lambda row: None,
) -> list[BootstrapRow]:
    """Bootstrap random messages; repeats: on each number of threads, behind one that counts only
    for its error.
    """
    rows = []
    for case in cases:
        subject = _Subject(case)
        for count in thread_counts:
            with threads.limit(count):
                row = subject.measured(count, repeats)
            report(row)
            rows.append(row)
    return rows


class _Subject:
    """Keys and matrices of a case, and what its bootstraps have shown."""

    def __init__(self, case: BootstrapCase) -> None:
        self._case = case
        params = case.parameters()
        self._bootstrapper = he.Bootstrapper(params)
        generator = he.KeyGenerator(params)
        self._secret = generator.secret_key()
        start = time.perf_counter()
        self._keys = self._made(generator, self._bootstrapper.needs)
        self._keys_s = time.perf_counter() - start
        start = time.perf_counter()
        self._bootstrapper.prepare()
        self._prepare_s = time.perf_counter() - start
        self._evaluator = he.Evaluator(params, self._keys)
        self._random = np.random.default_rng(2026)

    def _made(self, generator: he.KeyGenerator, needs: he.KeyNeeds) -> he.EvaluationKeys:
        """The keys, in memory or in a file that nobody sees."""
        if self._case.stored_bytes is None:
            return generator.evaluation_keys(self._secret, needs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "keys"
            generator.write_evaluation_keys(self._secret, needs, path)
            return he.StoredKeys(path, generator.params, self._case.stored_bytes)

    def measured(self, count: int, repeats: int) -> BootstrapRow:
        """One row: `repeats` bootstraps that count, on as many threads as are set."""
        bootstrapper, case = self._bootstrapper, self._case
        runs = [self._once() for _ in range(repeats + 1)]
        errors = np.concatenate([error for _, _, error in runs])
        steps = [
            dict(zip(bootstrapper.step_names, of_run, strict=True)) for of_run, _, _ in runs[1:]
        ]
        totals = [sum(of_run.values()) for of_run in steps]
        worst, mean = precision_bits(float(errors.max())), precision_bits(float(errors.mean()))
        slots = bootstrapper.circuit.slots
        return BootstrapRow(
            case=case.name,
            N=case.N,
            slots=slots,
            levels=bootstrapper.levels,
            scale_bits=case.scale_bits,
            threads=count,
            best_s=min(totals),
            cpu_s=min(cpu for _, cpu, _ in runs[1:]),
            median_s=float(np.median(totals)),
            repeats=repeats,
            steps={name: min(of_run[name] for of_run in steps) for name in steps[0]},
            worst_bits=worst,
            mean_bits=mean,
            predicted_bits=bootstrapper.precision_bits,
            failure_probability=bootstrapper.failure_probability,
            key_bytes=bootstrapper.key_bytes,
            key_memory_bytes=self._keys.memory_bytes,
            weight_bytes=bootstrapper.weight_bytes,
            keys_s=self._keys_s,
            prepare_s=self._prepare_s,
            rate=slots * bootstrapper.levels * worst / min(totals),
            peak_rss_bytes=peak_rss_bytes(),
        )

    def _once(self) -> tuple[list[float], float, np.ndarray]:
        """The seconds of each step, the processor's of all, and the errors that it added to the
        parts of slots.
        """
        bootstrapper, evaluator = self._bootstrapper, self._evaluator
        params, encoder = bootstrapper.params, evaluator.encoder
        parts = self._random.uniform(-1, 1, (2, bootstrapper.circuit.slots))
        values = parts[0] if bootstrapper.circuit.real else parts[0] + 1j * parts[1]
        slots = np.tile(values, params.slots // values.size)
        plain = encoder.encode(slots, bootstrapper.input_level)
        x = he.Encryptor(params, self._secret).encrypt(plain)
        seconds = []
        busy, start, refreshed = time.process_time(), time.perf_counter(), x
        for _, made in bootstrapper.steps(evaluator, x):
            refreshed = made
            now = time.perf_counter()
            seconds.append(now - start)
            start = now
        busy = time.process_time() - busy
        decryptor = he.Decryptor(params, self._secret)
        before, after = (encoder.decode(decryptor.decrypt(ct)) for ct in (x, refreshed))
        error = after - before
        kept = [error.real] if bootstrapper.circuit.real else [error.real, error.imag]
        return seconds, busy, np.abs(np.concatenate(kept))
