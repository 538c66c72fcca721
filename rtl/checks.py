"""One check for every block: simulate, compare with the golden answers, say what was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtl.automorphism import AutomorphismUnit
from rtl.butterfly import Butterfly
from rtl.catalogue import AnyBlock, Options
from rtl.errors import OptionError, OutputError, SimulationError
from rtl.ntt_unit import NTTUnit
from rtl.pointwise import LimbOperation, PointwiseUnit
from rtl.simulate import (
    check_arithmetic,
    check_ntt,
    run_automorphism,
    run_ntt,
    run_pointwise,
    transforms_for,
)
from rtl.vectors import load_vectors


def check(
    block: AnyBlock,
    count: int,
    seed: int,
    *,
    vectors: Path | None = None,
    waveform: Path | None = None,
) -> str:
    """Compare `count` random cases, and the edges, bit for bit; returns a line on what agreed.

    vectors: for the NTT unit only. Raises `SimulationError` at the first difference.
    """
    if waveform and not waveform.parent.is_dir():
        raise OutputError(f"waveform {waveform}: there is no folder {waveform.parent}")
    if count < 0:
        raise OptionError(f"{count} random vectors: it must be 0 or more")
    if isinstance(block, NTTUnit):
        return _check_ntt(block, count, seed, vectors, waveform)
    if vectors:
        raise OptionError("given vectors are for the block ntt")
    if isinstance(block, PointwiseUnit):
        return _check_pointwise(block, count, seed, waveform)
    if isinstance(block, AutomorphismUnit):
        return _check_automorphism(block, count, seed, waveform)
    multiplier = block.multiplier if isinstance(block, Butterfly) else block
    word_bits = getattr(multiplier, "word_bits", 1)
    (q,) = Options(width=min(multiplier.width, 61), word_bits=word_bits, N=8).primes()
    total = check_arithmetic(block, q, count, seed, trace=waveform)
    return f"{total} results agree modulo {q}; latency {block.latency} cycles"


def _check_ntt(
    unit: NTTUnit, count: int, seed: int, path: Path | None, waveform: Path | None
) -> str:
    given = load_vectors(path, unit) if path else []
    work = [vector.transform for vector in given] + transforms_for(unit, count, seed)
    run = run_ntt(unit, work, trace=waveform)
    for number, (vector, got) in enumerate(zip(given, run.results, strict=False)):
        if vector.expected is not None and not np.array_equal(got, vector.expected):
            raise SimulationError(f"given vector {number} differs from the output in {path}")
    check_ntt(unit, work, run)
    latency = int(run.out_cycle[0, 0] - run.in_cycle[0, -1])
    intervals = set(np.diff(run.out_cycle[:, 0]).tolist())
    if latency != unit.latency_cycles or intervals - {unit.interval_cycles}:
        raise SimulationError(
            f"latency {latency} and intervals {sorted(intervals)}, stated "
            f"{unit.latency_cycles} and {unit.interval_cycles}"
        )
    return (
        f"{len(work)} transforms agree ({len(given)} given); one takes {unit.transform_cycles} "
        f"cycles, one starts every {unit.interval_cycles}"
    )


def _check_pointwise(unit: PointwiseUnit, count: int, seed: int, waveform: Path | None) -> str:
    rng = np.random.default_rng(seed)
    n = max(8, unit.lanes)
    cases = [(op, k) for op in LimbOperation for k in range(len(unit.moduli))]
    cases += [cases[int(i)] for i in rng.integers(0, len(cases), count)]
    operations, moduli = [op for op, _ in cases], [k for _, k in cases]
    operands = np.stack(
        [[rng.integers(0, unit.moduli[k], n, dtype=np.uint64) for k in moduli] for _ in range(3)]
    )
    results, _ = run_pointwise(unit, operations, moduli, operands, trace=waveform)
    for i, (operation, k) in enumerate(cases):
        a, b, c = operands[:, i]
        if not np.array_equal(results[i], unit.golden(operation, a, b, c, k)):
            raise SimulationError(f"limb {i} ({operation.name}, modulus {unit.moduli[k]}) differs")
    return f"{len(cases)} limbs agree; latency {unit.latency_cycles} cycles"


def _check_automorphism(
    unit: AutomorphismUnit, count: int, seed: int, waveform: Path | None
) -> str:
    rng = np.random.default_rng(seed)
    elements = [1, 2 * unit.N - 1, 3, 5] + [int(g) | 1 for g in rng.integers(0, 2 * unit.N, count)]
    transformed = [bool(d) for d in rng.integers(0, 2, len(elements))]
    moduli = [int(k) for k in rng.integers(0, len(unit.moduli), len(elements))]
    work = [rng.integers(0, unit.moduli[k], unit.N, dtype=np.uint64) for k in moduli]
    results, _ = run_automorphism(unit, work, elements, transformed, moduli, trace=waveform)
    for i, x in enumerate(work):
        if not np.array_equal(results[i], unit.golden(x, elements[i], transformed[i], moduli[i])):
            raise SimulationError(f"polynomial {i} (Galois element {elements[i]}) differs")
    return f"{len(work)} automorphisms agree; latency {unit.latency_cycles} cycles"
