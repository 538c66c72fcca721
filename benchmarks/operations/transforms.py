"""`python -m benchmarks ntt`: the transforms of every backend, interleaved in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

import ntt
from benchmarks.operations.memory import Operations, peak_bytes
from benchmarks.operations.suite import WrongResult
from benchmarks.operations.transform_limits import Limit, limit
from benchmarks.operations.turns import interleaved
from benchmarks.peers import hexl
from benchmarks.peers.library import OWN, own_version
from ntt.backends import select
from ntt.limbs import LimbOps
from ntt.memory import aligned_array
from ntt.terminal import say

DEGREES = tuple(1 << k for k in range(12, 17))
MODULUS_BITS = 49
"""Of the default modulus; every backend takes up to `LARGEST_BITS`."""
LARGEST_BITS = 50
_SAMPLE_SECONDS = 1e-3
OPERATIONS = ("forward", "inverse")


@dataclass
class TransformRow:
    """The time of one transform on one backend, or by a peer, which has backend "".

    `median_s` and `best_s` are of one limb.
    """

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
    peer: hexl.Hexl | None = None,
    modulus_bits: int = MODULUS_BITS,
    report: Callable[[TransformRow], None] = lambda row: None,
) -> list[TransformRow]:
    """Time the forward and inverse transforms of every backend at every degree, in turns.

    With one thread a call transforms one limb in place, with several threads eight limbs a thread.
    backends: by default those that the CPU has and that N is large enough for. seconds: for each
    degree, all backends together. memory: also measure the peak of each backend. peer: takes turns
    with the backends, with one thread only. modulus_bits: of the primes, at most `LARGEST_BITS`.
    Raises `WrongResult` where values are not those of
    `scalar`, and `BackendError` for a named
    backend that the CPU lacks or that N is too small for.
    """
    names = {N: _backends_for(N, modulus_bits, backends) for N in degrees}
    ntt.set_threads(threads)
    rows: list[TransformRow] = []
    try:
        for N in degrees:
            for row in _degree(N, names[N], threads, seconds, memory, peer, modulus_bits):
                report(row)
                rows.append(row)
    finally:
        ntt.set_backend(None)
        ntt.set_threads(None)
    return rows


def _backends_for(N: int, bits: int, wanted: Sequence[str] | None) -> tuple[str, ...]:
    ntt.find_primes(bits, N, 1)  # refuses an N that there is no transform for
    least = {name: select.backend_module(name).MIN_RING_DEGREE
             for name in wanted or ntt.available_backends()}  # fmt: skip
    too_large = [name for name in least if least[name] > N]
    if wanted and too_large:
        raise ntt.BackendError(
            f"backend {too_large[0]!r} needs N >= {least[too_large[0]]}, not {N}: leave it out"
        )
    return tuple(name for name in least if name not in too_large)


def _input(N: int, limbs: int, bits: int = MODULUS_BITS) -> tuple[ntt.NTTTables, np.ndarray]:
    """Tables of `limbs` primes, and random residues (limbs, N)."""
    tables = ntt.NTTTables(N, ntt.find_primes(bits, N, limbs))
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


@dataclass(frozen=True)
class _Case:
    """What is timed: a call that transforms all limbs once, by one backend or by a peer.

    owner: what must live as long as the call.
    """

    library: str
    version: str
    backend: str
    operation: str
    call: Callable[[], object]
    owner: object = None


def _aligned(x: np.ndarray) -> np.ndarray:
    """A copy of x on a cache line, where the arrays of this library begin."""
    copy = aligned_array(x.size).reshape(x.shape)
    np.copyto(copy, x)
    return copy


def _own_cases(name: str, tables: ntt.NTTTables, x: np.ndarray) -> list[_Case]:
    _check(name, tables, x)
    ops = _ops_of(name, tables)
    return [
        _Case(OWN, own_version(), name, operation, partial(getattr(ops, operation), _aligned(x)))
        for operation in OPERATIONS
    ]


def _peer_cases(peer: hexl.Hexl, tables: ntt.NTTTables, x: np.ndarray) -> list[_Case]:
    """The transforms of a peer; raises `WrongResult` if its values differ from `scalar`."""
    transforms, work = peer.transforms(tables), x.copy()
    transforms.call("forward", work)()
    if not (work == _ops_of("scalar", tables).forward(x.copy())).all():
        raise WrongResult(f"forward of {hexl.NAME} differs from scalar at N = {tables.N}")
    transforms.call("inverse", work)()
    if not (work == x).all():
        raise WrongResult(f"inverse of {hexl.NAME} does not undo forward at N = {tables.N}")

    def case(operation: str) -> _Case:
        rows = _aligned(x)
        call = transforms.call(operation, rows)
        return _Case(hexl.NAME, peer.version, "", operation, call, (transforms, rows))

    return [case(operation) for operation in OPERATIONS]


def _degree(
    N: int,
    names: Sequence[str],
    threads: int,
    seconds: float,
    memory: bool,
    peer: hexl.Hexl | None,
    bits: int,
) -> Iterator[TransformRow]:
    limbs = 1 if threads == 1 else 8 * threads
    tables, x = _input(N, limbs, bits)
    cases = [case for name in names for case in _own_cases(name, tables, x)]
    if peer is not None and threads == 1:
        try:
            cases += _peer_cases(peer, tables, x)
        except hexl.HexlError as error:
            say(f"{hexl.NAME} is left out: {error}")
    counts = [_repeats(case.call) for case in cases]
    calls = [_repeated(case.call, count) for case, count in zip(cases, counts, strict=True)]
    butterflies = N // 2 * (N.bit_length() - 1)
    samples = interleaved(calls, seconds)
    peaks = {name: peak_bytes(workload, name, N, limbs) if memory else {} for name in names}
    for case, count, times in zip(cases, counts, samples, strict=True):
        one_limb = [t / (count * limbs) for t in times]
        median, best = statistics.median(one_limb), min(one_limb)
        bound: Limit | None = None
        if threads == 1 and case.backend:
            bound = limit(case.backend, N)
        yield TransformRow(
            library=case.library,
            version=case.version,
            operation=case.operation,
            backend=case.backend,
            N=N,
            threads=threads,
            median_s=median,
            best_s=best,
            median_ns_per_butterfly=median * 1e9 / butterflies,
            best_ns_per_butterfly=best * 1e9 / butterflies,
            limit_ns_per_butterfly=bound.ns if bound else None,
            repeats=len(times),
            parameters={
                "modulus_bits": bits,
                "limbs": limbs,
                "calls_per_sample": count,
                "multiply_limit_ns": bound.multiply_ns if bound else None,
                "traffic_limit_ns": bound.traffic_ns if bound else None,
            },
            peak_bytes=peaks.get(case.backend, {}).get(case.operation),
        )


def speedups(rows: Sequence[TransformRow]) -> Iterator[tuple[TransformRow, TransformRow, float]]:
    """(own row, peer's row, peer's median time over ours) of the same transform in the same run."""
    peers = {(row.N, row.operation, row.threads): row for row in rows if not row.backend}
    for row in rows:
        peer = peers.get((row.N, row.operation, row.threads))
        if row.backend and peer is not None:
            yield row, peer, peer.median_s / row.median_s


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


def _repeats(call: Callable[[], object]) -> int:
    """The number of calls that make a sample long enough for the clock."""
    call()
    begin = time.perf_counter()
    call()
    return max(1, round(_SAMPLE_SECONDS / (time.perf_counter() - begin)))


def _repeated(call: Callable[[], object], count: int) -> Callable[[], None]:
    def sample() -> None:
        for _ in range(count):
            call()

    return sample
