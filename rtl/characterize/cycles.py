"""Cycles of simulated units, which a model of the hardware must equal in every configuration.

    python -m rtl.characterize.cycles FILE

An entry has the block, the latencies of its parts (`facts`) and the simulated cycles (`measured`).
The simulated results are compared with the exact ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ntt.modulus import find_primes
from ntt.terminal import CommandParser, run_command, show
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.reductions import modular_multiplier
from rtl.characterize import results
from rtl.errors import HardwareError, SimulationError
from rtl.files import check_writable
from rtl.simulation.drivers import Transform, check_ntt, run_automorphism, run_ntt, run_pointwise
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit

TARGET = "verilator"
WORD_BITS = 8


@dataclass(frozen=True)
class NTTCase:
    """Parameters of an NTT unit, as plain data."""

    N: int
    butterflies: int
    width: int = 28
    reduction: str = "word"
    moduli: int = 1
    buffers: int = 1
    twiddles: str = "stored"

    kind = "ntt"


@dataclass(frozen=True)
class PointwiseCase:
    """Parameters of a pointwise unit."""

    lanes: int
    width: int = 28
    reduction: str = "word"
    factored: bool = False

    kind = "pointwise"


@dataclass(frozen=True)
class AutomorphismCase:
    """Parameters of an automorphism unit."""

    N: int
    lanes: int
    buffers: int

    kind = "automorphism"


Case = NTTCase | PointwiseCase | AutomorphismCase

# Every value of every parameter, in units as small as those of the tests; then larger units.
CASES: tuple[Case, ...] = (
    NTTCase(8, 1, buffers=2),
    NTTCase(8, 4, reduction="barrett", moduli=2, twiddles="generated"),
    NTTCase(16, 2, width=16, reduction="montgomery", moduli=2),
    NTTCase(64, 4, moduli=3, buffers=2),
    NTTCase(64, 8, reduction="montgomery", twiddles="generated", buffers=2),
    NTTCase(128, 16, reduction="barrett"),
    NTTCase(256, 1, width=60, reduction="barrett", twiddles="generated"),
    NTTCase(1024, 8, width=50, moduli=2, buffers=2),
    NTTCase(4096, 4, width=50),
    PointwiseCase(1, reduction="barrett"),
    PointwiseCase(2),
    PointwiseCase(4, reduction="montgomery", factored=True),
    AutomorphismCase(8, 1, 1),
    AutomorphismCase(64, 4, 2),
    AutomorphismCase(128, 16, 2),
)


def measure(case: Case) -> results.Entry:
    """The entry of one simulated configuration. Raises `SimulationError` if a result is wrong."""
    started = time.monotonic()
    if isinstance(case, NTTCase):
        facts, measured = _ntt(case)
    elif isinstance(case, PointwiseCase):
        facts, measured = _pointwise(case)
    else:
        facts, measured = _automorphism(case)
    return {
        "block": {"kind": case.kind, **asdict(case)},
        "target": TARGET,
        "facts": facts,
        "measured": measured,
        **results.provenance(),
        "took_s": round(time.monotonic() - started, 1),
    }


def _multiplier(case: NTTCase | PointwiseCase) -> ModularMultiplier:
    return modular_multiplier(case.reduction, case.width, word_bits=WORD_BITS)


def _steady(cycles: np.ndarray) -> int:
    """The distance between neighbouring events; raises `SimulationError` if it varies."""
    distances = np.unique(np.diff(cycles))
    if distances.size != 1:
        raise SimulationError(f"the interval is not steady: {distances.tolist()} cycles occur")
    return int(distances[0])


def _ntt(case: NTTCase) -> tuple[dict[str, int], dict[str, int]]:
    moduli = find_primes(case.width, max(case.N, 1 << (WORD_BITS - 1)), case.moduli)
    unit = NTTUnit(case.N, case.butterflies, moduli, _multiplier(case), case.buffers, case.twiddles)
    random = np.random.default_rng(1)
    measured: dict[str, int] = {}
    for name, inverse in (("forward", False), ("inverse", True)):
        work = [
            Transform(random.integers(0, moduli[0], case.N, dtype=np.uint64), 0, inverse)
            for _ in range(4)
        ]
        run = run_ntt(unit, work)
        check_ntt(unit, work, run)
        interval = _steady(run.out_cycle[:, 0])
        # With one buffer the unit rests between transforms; with two their tails overlap.
        overlapped = len(work) - 1 if case.buffers == 2 else 0
        busy = run.busy_cycles - overlapped * interval
        measured |= {
            f"{name}_transform_cycles": busy // (len(work) - overlapped),
            f"{name}_latency_cycles": int(run.out_cycle[0, 0] - run.in_cycle[0, -1]),
            f"{name}_interval_cycles": interval,
        }
    facts = {
        "butterfly_latency_cycles": unit.butterfly.latency,
        "multiplier_latency_cycles": unit.multiplier.latency,
    }
    return facts, measured


def _pointwise(case: PointwiseCase) -> tuple[dict[str, int], dict[str, int]]:
    primes = find_primes(case.width, 1 << (WORD_BITS - 1), 2)
    unit = PointwiseUnit(case.lanes, primes, _multiplier(case), case.factored)
    beats, points = 8, 8 * case.lanes
    random = np.random.default_rng(1)
    multiply, add = LimbOperation.MULTIPLY, LimbOperation.ADD
    operands = random.integers(0, min(primes), (3, 4, points), dtype=np.uint64)
    _, run = run_pointwise(unit, [multiply, add, multiply, add], [1] * 4, operands)
    changing, change_run = run_pointwise(unit, [add] * 4, [0, 1, 0, 1], operands)
    for i, q in enumerate([primes[0], primes[1]] * 2):
        total = (operands[0, i].astype(object) + operands[1, i].astype(object)) % q
        if not np.array_equal(changing[i], np.array(total, np.uint64)):
            raise SimulationError(f"limb {i} differs from the sum modulo {q}")
    facts = {
        "multiplier_latency_cycles": unit.multiplier.latency,
        "multipliers_per_lane": unit.multipliers_per_lane,
        "adder_latency_cycles": unit.adder.latency,
    }
    return facts, {
        "points": points,
        "latency_cycles": int(run.out_cycle[0] - run.in_cycle[0]),
        "limb_interval_cycles": _steady(run.in_cycle[::beats]),
        "modulus_change_cycles": _steady(change_run.in_cycle[::beats]),
    }


def _automorphism(case: AutomorphismCase) -> tuple[dict[str, int], dict[str, int]]:
    moduli = find_primes(28, max(case.N, 128), 1)
    unit = AutomorphismUnit(case.N, case.lanes, moduli, 28, case.buffers)
    random = np.random.default_rng(1)
    work = [random.integers(0, moduli[0], case.N, dtype=np.uint64) for _ in range(4)]
    elements, transformed = [3, 5, 2 * case.N - 1, 5], [False, True, False, True]
    images, run = run_automorphism(unit, work, elements, transformed, [0] * 4)
    for x, image, element, domain in zip(work, images, elements, transformed, strict=True):
        if not np.array_equal(image, unit.golden(x, element, domain, 0)):
            raise SimulationError(f"the automorphism of element {element} is wrong")
    return {}, {
        "latency_cycles": int(run.out_cycle[0] - run.in_cycle[unit.beats - 1]),
        "interval_cycles": _steady(run.out_cycle[:: unit.beats]),
    }


def record(path: Path) -> Iterator[results.Entry]:
    """Simulate every case; each entry is written to the file, then yielded."""
    for case in CASES:
        entry = measure(case)
        results.add(path, entry)
        yield entry


def main() -> int:
    """Record the cycles in the file that the command line names; returns the exit status."""
    parser = CommandParser(description="The cycles of the simulated units.")
    parser.add_argument("file", type=Path, help="results file")
    file: Path = parser.parse_args().file
    check_writable(file)
    for finished in record(file):
        show(f"{finished['block']} {finished['measured']}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, HardwareError))
