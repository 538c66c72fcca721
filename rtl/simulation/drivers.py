"""Drivers: each kind of block in Verilator, with NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import SimulationError
from rtl.simulation.verilator.simulator import Simulator, StreamResult
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.expander import SeedExpander
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit
from rtl.verilog.design import emit

Pattern = np.ndarray | None
"""uint8, repeated: the cycles in which a beat may be offered or taken; None for all cycles."""


@dataclass(frozen=True)
class Transform:
    """One polynomial for an NTT unit: x, uint64 (N,), the place of its modulus, the direction."""

    x: np.ndarray
    modulus: int
    inverse: bool


def edge_polynomials(N: int, q: int) -> list[np.ndarray]:
    """Polynomials at the edges: all 0, all q - 1, alternating 0 and q - 1, one entry not 0."""
    full = np.full(N, q - 1, np.uint64)
    alternating = full.copy()
    alternating[::2] = 0
    first, last = np.zeros(N, np.uint64), np.zeros(N, np.uint64)
    first[0], last[-1] = 1, q - 1
    return [np.zeros(N, np.uint64), full, alternating, first, last]


def transforms_for(unit: NTTUnit, count: int, seed: int, *, edges: bool = True) -> list[Transform]:
    """Edge polynomials of every modulus in both directions, then `count` random transforms."""
    rng = np.random.default_rng(seed)
    work = []
    if edges:
        for place, q in enumerate(unit.moduli):
            for x in edge_polynomials(unit.N, q):
                work += [Transform(x, place, inverse) for inverse in (False, True)]
    for _ in range(count):
        place = int(rng.integers(len(unit.moduli)))
        x = rng.integers(0, unit.moduli[place], unit.N, dtype=np.uint64)
        work.append(Transform(x, place, bool(rng.integers(2))))
    return work


@dataclass(frozen=True)
class NTTRun:
    """Simulated transforms: results, uint64 (count, N), and the cycles of their beats.

    in_cycle, out_cycle: int64 (count, beats). busy_cycles: cycles in which `busy` was high.
    """

    results: np.ndarray
    in_cycle: np.ndarray
    out_cycle: np.ndarray
    busy_cycles: int


def run_ntt(
    unit: NTTUnit,
    work: Sequence[Transform],
    *,
    offer_pattern: Pattern = None,
    take_pattern: Pattern = None,
    trace: Path | None = None,
) -> NTTRun:
    """Run the transforms through the simulated unit, one after the other.

    trace: a VCD file to write. Raises `SimulationError`, `ToolError`.
    """
    count, lanes = len(work), unit.butterflies
    rows = np.concatenate([t.x.reshape(-1, lanes) for t in work])
    inputs: dict[str, int | np.ndarray] = {
        f"input.data[{lane}]": rows[:, lane] for lane in range(lanes)
    }
    inputs["input.modulus"] = np.repeat(np.array([t.modulus for t in work], np.uint64), unit.beats)
    inputs["input.inverse"] = np.repeat(np.array([t.inverse for t in work], np.uint64), unit.beats)
    with Simulator(emit(unit.hardware(), "ntt_unit"), trace=trace) as simulator:
        result = simulator.stream(
            inputs,
            count * unit.beats,
            count * unit.beats,
            offer_pattern=offer_pattern,
            take_pattern=take_pattern,
        )
    check_last(result, count, unit.beats)
    shape = count, unit.beats
    return NTTRun(
        _lanes(result, lanes).reshape(count, unit.N),
        result.in_cycle.reshape(shape),
        result.out_cycle.reshape(shape),
        result.busy_cycles,
    )


def check_ntt(unit: NTTUnit, work: Sequence[Transform], run: NTTRun) -> None:
    """Raise `SimulationError` unless every result equals the exact one, bit for bit."""
    for number, (transform, got) in enumerate(zip(work, run.results, strict=True)):
        expected = unit.golden(transform.x, transform.modulus, transform.inverse)
        if not np.array_equal(got, expected):
            i = int(np.flatnonzero(got != expected)[0])
            raise SimulationError(
                f"transform {number} (modulus {unit.moduli[transform.modulus]}, "
                f"{'inverse' if transform.inverse else 'forward'}) differs first at entry {i}: "
                f"{got[i]} simulated, {expected[i]} expected"
            )


def run_pointwise(
    unit: PointwiseUnit,
    operations: Sequence[LimbOperation],
    moduli: Sequence[int],
    operands: np.ndarray,
    *,
    take_pattern: Pattern = None,
    trace: Path | None = None,
) -> tuple[np.ndarray, StreamResult]:
    """Run limbs through the unit: limb i with operations[i], modulo entry moduli[i] of the table.

    operands: a, b, c as uint64 (3, limbs, n), n a multiple of the lanes. Returns the results,
    uint64 (limbs, n), and the stream. Raises `SimulationError`, `ToolError`.
    """
    _, limbs, n = operands.shape
    beats = n // unit.lanes
    inputs: dict[str, int | np.ndarray] = {}
    for name, values in zip("abc", operands, strict=True):
        rows = values.reshape(-1, unit.lanes)
        inputs |= {f"input.{name}[{lane}]": rows[:, lane] for lane in range(unit.lanes)}
    codes = np.array([operation.value for operation in operations], np.uint64)
    inputs["input.operation"] = np.repeat(codes, beats)
    inputs["input.modulus"] = np.repeat(np.array(moduli, np.uint64), beats)
    with Simulator(emit(unit.hardware(), "pointwise_unit"), trace=trace) as simulator:
        result = simulator.stream(inputs, limbs * beats, limbs * beats, take_pattern=take_pattern)
    return _lanes(result, unit.lanes).reshape(limbs, n), result


def run_automorphism(
    unit: AutomorphismUnit,
    polynomials: Sequence[np.ndarray],
    elements: Sequence[int],
    transformed: Sequence[bool],
    moduli: Sequence[int],
    *,
    take_pattern: Pattern = None,
    trace: Path | None = None,
) -> tuple[np.ndarray, StreamResult]:
    """Run polynomials, uint64 (N,), through the unit: polynomial i with elements[i], in the domain
    transformed[i], modulo entry moduli[i] of the table.

    Returns the images, uint64 (count, N), and the stream. Raises `SimulationError`, `ToolError`.
    """
    count = len(polynomials)
    rows = np.concatenate([x.reshape(-1, unit.lanes) for x in polynomials])
    inputs: dict[str, int | np.ndarray] = {
        f"input.data[{lane}]": rows[:, lane] for lane in range(unit.lanes)
    }
    factors = [unit.multiplier(g, d) for g, d in zip(elements, transformed, strict=True)]
    for name, values in (
        ("multiplier", factors),
        ("transformed", transformed),
        ("modulus", moduli),
    ):
        inputs[f"input.{name}"] = np.repeat(np.array(values, np.uint64), unit.beats)
    total = count * unit.beats
    with Simulator(emit(unit.hardware(), "automorphism_unit"), trace=trace) as simulator:
        result = simulator.stream(inputs, total, total, take_pattern=take_pattern)
    return _lanes(result, unit.lanes).reshape(count, unit.N), result


def run_expander(
    unit: SeedExpander,
    keys: Sequence[bytes],
    moduli: Sequence[int],
    *,
    take_pattern: Pattern = None,
    trace: Path | None = None,
) -> tuple[np.ndarray, StreamResult]:
    """Run keys of 32 bytes through the unit: key i modulo entry moduli[i] of the table.

    Returns the rows, uint64 (count, N), and the stream. Raises `SimulationError`, also for a row
    whose end is not marked, and `ToolError`.
    """
    words = np.array([np.frombuffer(key, "<u4") for key in keys]).astype(np.uint64)
    inputs: dict[str, int | np.ndarray] = {f"input.key[{i}]": words[:, i] for i in range(8)}
    inputs["input.modulus"] = np.array(moduli, np.uint64)
    count = len(keys)
    with Simulator(emit(unit.hardware(), "seed_expander"), trace=trace) as simulator:
        result = simulator.stream(inputs, count, count * unit.beats, take_pattern=take_pattern)
    check_last(result, count, unit.beats)
    return _lanes(result, unit.lanes).reshape(count, unit.N), result


def check_last(result: StreamResult, count: int, beats: int) -> None:
    """Raise `SimulationError` unless `last` is high in just the last beat of each polynomial."""
    last = result.rows["output.last"].reshape(count, beats)
    if not (last[:, -1].all() and last.sum() == count):
        raise SimulationError("`last` is not high in exactly the last beat of each polynomial")


def _lanes(result: StreamResult, lanes: int) -> np.ndarray:
    """The data of the beats, uint64 (beats, lanes)."""
    return np.stack([result.rows[f"output.data[{lane}]"] for lane in range(lanes)], axis=1)


@dataclass(frozen=True)
class Operands:
    """Operands modulo q of a multiplier (a, b) or a butterfly (all, w in factor form)."""

    q: int
    a: int
    b: int
    w: int = 0
    inverse: bool = False


def run_arithmetic(
    block: ModularMultiplier | Butterfly, cases: Sequence[Operands], *, trace: Path | None = None
) -> np.ndarray:
    """Run operands through the block, one a cycle; cases of one modulus in a row run together.

    Returns uint64 (count,) of a multiplier, (count, 2) of a butterfly. Raises `BlockModulusError`,
    `ToolError`.
    """
    is_butterfly = isinstance(block, Butterfly)
    multiplier = block.multiplier if isinstance(block, Butterfly) else block
    inputs = ("a", "b", "w", "inverse") if is_butterfly else ("a", "b")
    outputs = ("u", "v") if is_butterfly else ("p",)
    rest = np.zeros(block.latency, np.uint64)
    runs = []
    with Simulator(emit(block.hardware(), "block"), trace=trace) as simulator:
        for q, same in groupby(cases, key=lambda case: case.q):
            run = list(same)
            # The modulus holds still until the last result of the run is out.
            columns: dict[str, int | np.ndarray] = {
                name: np.concatenate([np.array([getattr(c, name) for c in run], np.uint64), rest])
                for name in inputs
            }
            constants = {f"modulus.{name}": n for name, n in multiplier.constants(q).items()}
            cycles = len(run) + block.latency
            out = simulator.run(cycles, columns | constants | {"load": 1})
            runs.append(np.stack([out[name][block.latency :] for name in outputs], axis=1))
    results = np.concatenate(runs)
    return results if is_butterfly else results[:, 0]
