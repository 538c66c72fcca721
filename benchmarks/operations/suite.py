"""Operations of this library beside its peers, interleaved in one run."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.operations.memory import Operations, peak_bytes
from benchmarks.operations.turns import TURN_SECONDS, interleaved
from benchmarks.peers.library import Case, Library, set_up
from ntt.backends.select import backend_for

OWN = "he-accel"
"""This library's name in the rows."""


@dataclass
class Row:
    """The time of one operation of one library. peak_bytes: None where it was not measured."""

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
    """A library's decrypted result is not the result of the operation."""


@dataclass(frozen=True)
class Suite:
    """What is compared: libraries, cases and operations.

    modules: name -> module in `benchmarks.peers`, ours first. check(library, case, operation)
    raises `WrongResult`. admit(libraries, case) raises `WrongResult` for libraries whose tasks are
    not equal.
    """

    modules: Mapping[str, str]
    cases: tuple[Case, ...]
    operations: tuple[str, ...]
    check: Callable[[Library, Case, str], None]
    admit: Callable[[Sequence[Library], Case], None] = lambda libraries, case: None


def run(
    suite: Suite,
    cases: Sequence[Case],
    *,
    peers: bool,
    operations: Sequence[str] | None = None,
    seconds: float = 4.0,
    turn: float = TURN_SECONDS,
    report: Callable[[str], None] = print,
) -> list[Row]:
    """Time every operation of every library on one thread, the libraries in turns.

    operations: by default all of the suite. seconds: for each operation of each case, all libraries
    together, at least five rounds. turn: see `interleaved`. Each result is decrypted and checked
    before. Raises `WrongResult`.
    """
    rows = []
    for case in cases:
        libraries = _set_up(suite, case, peers, report)
        suite.admit(libraries, case)
        for operation in suite.operations if operations is None else operations:
            for library in libraries:
                suite.check(library, case, operation)
            calls = [library.operations[operation] for library in libraries]
            times = interleaved(calls, seconds, turn)
            found = [_row(*pair, case, operation) for pair in zip(libraries, times, strict=True)]
            report(_line(case, operation, found))
            rows += found
    return rows


def add_backends(rows: Sequence[Row]) -> None:
    """State in the parameters of our own rows which backend computed them."""
    for row in rows:
        sizes = (row.parameters.get("q_bits"), row.parameters.get("p_bits"))
        if row.library == OWN and all(isinstance(bits, list) for bits in sizes):
            largest = max(max(bits) for bits in sizes if isinstance(bits, list))
            row.parameters["backend"] = backend_for(row.N, largest).__name__.rpartition(".")[2]


def peaks_of(suite: Suite, library: str, case: Case) -> dict[str, int]:
    """The peak memory, in bytes, of every operation of a library (`operations.memory`)."""
    return peak_bytes(workload, library, case, dict(suite.modules))


def workload(name: str, case: Case, modules: dict[str, str]) -> Iterator[Operations]:
    """A library with keys, ciphertexts and operations, for `benchmarks.operations.memory`."""
    importlib.import_module(f"benchmarks.peers.{modules[name]}")
    yield {}
    library = set_up(name, case, modules)
    assert not isinstance(library, str)  # the library has rows, so it can be set up
    yield library.operations


def speedups(rows: Sequence[Row]) -> Iterator[tuple[Row, Row, float]]:
    """(our row, a peer's row, the peer's time over ours) for every operation and case."""
    ours = {(r.N, r.depth, r.operation): r for r in rows if r.library == OWN}
    for row in rows:
        mine = ours.get((row.N, row.depth, row.operation))
        if mine is not None and row.library != OWN:
            yield mine, row, row.median_s / mine.median_s


def _set_up(
    suite: Suite, case: Case, peers: bool, report: Callable[[str], None]
) -> list[Library]:
    """The libraries of a case; libraries that cannot be set up are reported and left out."""
    names = list(suite.modules)
    libraries = []
    for name in names if peers else [name for name in names if name.startswith(OWN)]:
        library = set_up(name, case, suite.modules)
        if isinstance(library, str):
            if library:
                report(library)
        else:
            libraries.append(library)
    return libraries


def _row(library: Library, samples: list[float], case: Case, operation: str) -> Row:
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
