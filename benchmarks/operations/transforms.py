"""`python -m benchmarks ntt`: the transforms of every backend, interleaved in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

import ntt
from benchmarks.operations.memory import Operations, peak_bytes
from benchmarks.operations.suite import WrongResult
from benchmarks.operations.transform_limits import Limit, limit
from benchmarks.operations.turns import interleaved
from benchmarks.peers.library import own_version
from ntt.backends import select
from ntt.limbs import LimbOps

DEGREES = tuple(1 << k for k in range(12, 17))
MODULUS_BITS = 50  # the largest that every backend takes
_SAMPLE_SECONDS = 1e-3


@dataclass
class TransformRow:
    """The time of one transform on one backend; `median_s` and `best_s` are of one limb."""

    library: str
    version: str
    operation: str
    backend: str
    N: int
    threads: int
    median_s: float
    best_s: float
    median_ns_per_butterfly: float
    best_ns_per_butterfly: float
    limit_ns_per_butterfly: float | None
    repeats: int
    parameters: dict[str, object] = field(repr=False)
    peak_bytes: int | None = None


def run(
    degrees: Sequence[int] = DEGREES,
    backends: Sequence[str] | None = None,
    *,
    threads: int = 1,
    seconds: float = 2.0,
    memory: bool = False,
    report: Callable[[TransformRow], None] = lambda row: None,
) -> list[TransformRow]:
    """Time the forward and inverse transforms of every backend at every degree, in turns.

    With one thread a call transforms one limb in place, with several threads eight limbs a thread.
    backends: by default those that the CPU has and that N is large enough for. seconds: for each
    degree, all backends together. memory: also measure the peak of each backend. Raises
    `WrongResult` where a backend's values are not those of `scalar`, and `BackendError` for a named
    backend that the CPU lacks or that N is too small for.
    """
    names = {N: _backends_for(N, backends) for N in degrees}
    ntt.set_threads(threads)
    rows: list[TransformRow] = []
    try:
        for N in degrees:
            for row in _degree(N, names[N], threads, seconds, memory):
                report(row)
                rows.append(row)
    finally:
        ntt.set_backend(None)
        ntt.set_threads(None)
    return rows


def _backends_for(N: int, wanted: Sequence[str] | None) -> tuple[str, ...]:
    ntt.find_primes(MODULUS_BITS, N, 1)  # refuses an N that there is no transform for
    least = {name: select.backend_module(name).MIN_RING_DEGREE
             for name in wanted or ntt.available_backends()}  # fmt: skip
    too_large = [name for name in least if least[name] > N]
    if wanted and too_large:
        raise ntt.BackendError(
            f"backend {too_large[0]!r} needs N >= {least[too_large[0]]}, not {N}: leave it out"
        )
    return tuple(name for name in least if name not in too_large)


def _input(N: int, limbs: int) -> tuple[ntt.NTTTables, np.ndarray]:
    """Tables of `limbs` primes, and random residues (limbs, N)."""
    tables = ntt.NTTTables(N, ntt.find_primes(MODULUS_BITS, N, limbs))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    return tables, np.random.default_rng(N).integers(0, top, (limbs, N), dtype=np.uint64)


def workload(name: str, N: int, limbs: int) -> Iterator[Operations]:
    """Tables, residues and both transforms on one backend; for `benchmarks.operations.memory`."""
    small, residues = _input(128, 1)
    ops = _ops_of(name, small)
    ops.inverse(ops.forward(residues))  # loads the kernels, whose code does not count
    yield {}
    tables, x = _input(N, limbs)
    ops = _ops_of(name, tables)
    yield {"forward": lambda: ops.forward(x), "inverse": lambda: ops.inverse(x)}


def _degree(
    N: int, names: Sequence[str], threads: int, seconds: float, memory: bool
) -> Iterator[TransformRow]:
    limbs = 1 if threads == 1 else 8 * threads
    tables, x = _input(N, limbs)
    cases = [(name, operation) for name in names for operation in ("forward", "inverse")]
    calls, counts = [], []
    for name, operation in cases:
        _check(name, tables, x)
        call = getattr(_ops_of(name, tables), operation)
        count = _repeats(call, x)
        calls.append(_repeated(call, x.copy(), count))
        counts.append(count)
    butterflies = N // 2 * (N.bit_length() - 1)
    samples = interleaved(calls, seconds)
    peaks = {name: peak_bytes(workload, name, N, limbs) if memory else {} for name in names}
    for (name, operation), count, times in zip(cases, counts, samples, strict=True):
        one_limb = [t / (count * limbs) for t in times]
        median, best = statistics.median(one_limb), min(one_limb)
        bound: Limit | None = limit(name, N) if threads == 1 else None
        yield TransformRow(
            library="he-accel",
            version=own_version(),
            operation=operation,
            backend=name,
            N=N,
            threads=threads,
            median_s=median,
            best_s=best,
            median_ns_per_butterfly=median * 1e9 / butterflies,
            best_ns_per_butterfly=best * 1e9 / butterflies,
            limit_ns_per_butterfly=bound.ns if bound else None,
            repeats=len(times),
            parameters={
                "modulus_bits": MODULUS_BITS,
                "limbs": limbs,
                "calls_per_sample": count,
                "multiply_limit_ns": bound.multiply_ns if bound else None,
                "traffic_limit_ns": bound.traffic_ns if bound else None,
            },
            peak_bytes=peaks[name].get(operation),
        )


def _ops_of(name: str, tables: ntt.NTTTables) -> LimbOps:
    """The operations of one backend, whichever is in force."""
    return LimbOps(tables, tables.all_rows, select.backend_module(name))


def _check(name: str, tables: ntt.NTTTables, x: np.ndarray) -> None:
    ours, reference = _ops_of(name, tables), _ops_of("scalar", tables)
    values = ours.forward(x.copy())
    if not (values == reference.forward(x.copy())).all():
        raise WrongResult(f"forward of {name} differs from scalar at N = {tables.N}")
    if not (ours.inverse(values) == x).all():
        raise WrongResult(f"inverse of {name} does not undo forward at N = {tables.N}")


def _repeats(call: Callable[[np.ndarray], object], x: np.ndarray) -> int:
    """The number of calls that make a sample long enough for the clock."""
    work = x.copy()
    call(work)
    begin = time.perf_counter()
    call(work)
    return max(1, round(_SAMPLE_SECONDS / (time.perf_counter() - begin)))


def _repeated(
    call: Callable[[np.ndarray], object], x: np.ndarray, count: int
) -> Callable[[], None]:
    def sample() -> None:
        for _ in range(count):
            call(x)

    return sample
