"""`python -m benchmarks primitives`: CKKS operations beside the peers, interleaved in one run.

The loop takes any `Suite`: `benchmarks.operations.bfv` has another.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.peers import CKKS_MODULES, OPERATIONS, ROTATIONS, Case, Library, set_up

CASES = (Case(1 << 13, 2), Case(1 << 14, 8), Case(1 << 15, 16), Case(1 << 15, 11))
"""Usable depths 2, 8, 16, and 11, where the modulus leaves room for several special primes."""

TURN_SECONDS = 0.05
"""Long enough that most calls find the caches as the same library left them."""

# What a value may be off after one operation at a scale of 2^36 or more and N = 2^15: the error's
# standard deviation is N / 6 / 2^36 = 2^-23.6 by rounding, a few times that with the key switch of
# peers; 2^-12 tells a right answer from a wrong one, which is all that is asked here.
_TOLERANCE = 2.0**-12


@dataclass
class Row:
    """One line of the result."""

    library: str
    version: str
    operation: str
    N: int
    depth: int
    threads: int
    median_s: float
    repeats: int
    parameters: dict[str, object] = field(repr=False)
    peak_bytes: int | None = None


class WrongResult(Exception):
    """A library's decrypted result is not what the operation means."""


@dataclass(frozen=True)
class Suite:
    """What is compared: cases, operations, and the libraries' modules in `benchmarks.peers`.

    check(library, case, operation) raises `WrongResult`; admit(libraries, case) refuses libraries
    that are not set up for an equal task.
    """

    modules: Mapping[str, str]
    cases: tuple[Case, ...]
    operations: tuple[str, ...]
    check: Callable[[Library, Case, str], None]
    admit: Callable[[Sequence[Library], Case], None] = lambda libraries, case: None


def run(
    cases: Sequence[Case],
    peers: bool,
    *,
    suite: Suite | None = None,
    operations: Sequence[str] | None = None,
    seconds: float = 4.0,
    turn: float = TURN_SECONDS,
    report: Callable[[str], None] = print,
) -> list[Row]:
    """Time every operation of every library on one thread, libraries in turn.

    suite: default `CKKS`; operations: default the suite's. seconds: how long each operation of each
    case is repeated, all libraries together; at least five rounds. turn: how long each library
    repeats it before the next one's turn (`interleaved`). Each result is decrypted and checked
    first. Raises `WrongResult`.
    """
    suite = CKKS if suite is None else suite
    names = list(suite.modules)  # ours first
    rows = []
    for case in cases:
        libraries = []
        for name in names if peers else names[:1]:
            library = set_up(name, case, suite.modules)
            if isinstance(library, str):
                report(library)
                continue
            libraries.append(library)
        suite.admit(libraries, case)
        for operation in suite.operations if operations is None else operations:
            for library in libraries:
                suite.check(library, case, operation)
            calls = [library.operations[operation] for library in libraries]
            times = interleaved(calls, seconds, turn)
            for library, samples in zip(libraries, times, strict=True):
                rows.append(_row(library, case, operation, samples))
            report(_line(case, operation, rows[-len(libraries) :]))
    return rows


def interleaved(
    calls: Sequence[Callable[[], object]], seconds: float, turn: float = 0.0
) -> list[list[float]]:
    """Seconds of each call, the calls taken in turn until the time is up; at least 5 rounds.

    turn: how long each is repeated before the next one's turn, at least one call. The first call
    of a turn finds the caches as the others left them, later ones as it left them itself; with a
    turn of 0 every call is a first one.
    """
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < 5 or time.perf_counter() < end:
        for call, samples in zip(calls, times, strict=True):
            samples += _turn(call, turn)
        rounds += 1
    return times


def _turn(call: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each call, repeated until the time is up; at least one."""
    samples: list[float] = []
    now = time.perf_counter()
    end = now + seconds
    while not samples or now < end:
        begin = now
        call()
        now = time.perf_counter()
        samples.append(now - begin)
    return samples


def check(library: Library, case: Case, operation: str) -> None:
    """Decrypt one result and compare it with what the operation means."""
    result = library.operations[operation]()
    first, second = case.values
    expected = {
        "encode": None,
        "encrypt": first,
        "decrypt": first,
        "multiply": first * second,
        "rotate": np.roll(first, -1),
        "rotate16": np.roll(first, -ROTATIONS[-1]),
    }[operation]
    if expected is None:
        return
    found = result if operation == "decrypt" else library.reveal(result)
    error = float(np.abs(np.asarray(found)[: expected.size] - expected).max())
    if not error < _TOLERANCE:
        raise WrongResult(
            f"{library.name} {operation} at N = {case.N}: an error of {error:.3g}, at most "
            f"{_TOLERANCE:.3g} was expected"
        )


CKKS = Suite(CKKS_MODULES, CASES, OPERATIONS, check)


def speedups(rows: Sequence[Row], library: str = "he-accel") -> Iterator[tuple[Row, Row, float]]:
    """(ours, a peer's, how many times faster ours is) for every operation and case."""
    ours = {(r.N, r.depth, r.operation): r for r in rows if r.library == library}
    for row in rows:
        mine = ours.get((row.N, row.depth, row.operation))
        if mine is not None and row.library != library:
            yield mine, row, row.median_s / mine.median_s


def _row(library: Library, case: Case, operation: str, samples: list[float]) -> Row:
    return Row(
        library=library.name,
        version=library.version,
        operation=operation,
        N=case.N,
        depth=case.depth,
        threads=1,
        median_s=statistics.median(samples),
        repeats=len(samples),
        parameters=library.parameters,
    )


def _line(case: Case, operation: str, rows: Sequence[Row]) -> str:
    own = rows[0].median_s
    parts = [f"N={case.N:<6} depth {case.depth:<3} {operation:<9}"]
    parts += [
        f"{row.library} {row.median_s * 1e3:.3f} ms"
        + (f" ({row.median_s / own:.1f}x)" if row is not rows[0] else "")
        for row in rows
    ]
    return "  ".join(parts)
