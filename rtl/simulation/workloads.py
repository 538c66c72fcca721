"""What each block is checked with: cases, random or given, how they run, and what must come out.

The fields that a given case has are said with each workload; `output` may always be there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import SimulationError
from rtl.generator.catalogue import AnyBlock, Options
from rtl.simulation.simulate import (
    Operands,
    Transform,
    run_arithmetic,
    run_automorphism,
    run_ntt,
    run_pointwise,
    transforms_for,
)
from rtl.simulation.vectors import Entry
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit

Case = TypeVar("Case")


class Workload(Protocol[Case]):
    """The cases of one kind of block."""

    things: str

    @property
    def timing(self) -> str:
        """What the block states of its time."""

    def random(self, count: int, seed: int) -> list[Case]:
        """The edges, and `count` random cases."""

    def read(self, entry: Entry) -> Case:
        """A given case; raises `SimulationError`."""

    def modulus(self, case: Case) -> int:
        """q."""

    def run(self, cases: list[Case], trace: Path | None) -> list[np.ndarray]:
        """The simulated results."""

    def golden(self, case: Case) -> np.ndarray:
        """The right result."""


@dataclass(frozen=True)
class Transforms:
    """modulus, inverse (true or false), input: N residues; output: N."""

    unit: NTTUnit
    things = "transforms"

    @property
    def timing(self) -> str:
        unit = self.unit
        return f"one takes {unit.transform_cycles} cycles, one starts every {unit.interval_cycles}"

    def random(self, count: int, seed: int) -> list[Transform]:
        return transforms_for(self.unit, count, seed)

    def read(self, entry: Entry) -> Transform:
        place = entry.place(self.unit.moduli)
        x = entry.residues("input", (self.unit.N,), self.unit.moduli[place])
        return Transform(x, place, bool(entry["inverse"]))

    def modulus(self, case: Transform) -> int:
        return self.unit.moduli[case.modulus]

    def run(self, cases: list[Transform], trace: Path | None) -> list[np.ndarray]:
        """As stated in cycles too, or `SimulationError`."""
        unit, run = self.unit, run_ntt(self.unit, cases, trace=trace)
        latency = int(run.out_cycle[0, 0] - run.in_cycle[0, -1])
        intervals = set(np.diff(run.out_cycle[:, 0]).tolist())
        if latency != unit.latency_cycles or intervals - {unit.interval_cycles}:
            raise SimulationError(
                f"latency {latency} and intervals {sorted(intervals)}, stated "
                f"{unit.latency_cycles} and {unit.interval_cycles}"
            )
        return list(run.results)

    def golden(self, case: Transform) -> np.ndarray:
        return self.unit.golden(case.x, case.modulus, case.inverse)


@dataclass(frozen=True)
class LimbCase:
    """An operation on residues a, b, c: uint64 (3, n), modulo a table entry."""

    operation: LimbOperation
    modulus: int
    operands: np.ndarray


@dataclass(frozen=True)
class Limbs:
    """modulus, operation (a name of `LimbOperation` in small letters), a, b: n residues, any n;
    c as well for multiply_add; output: n."""

    unit: PointwiseUnit
    things = "limbs"

    @property
    def timing(self) -> str:
        return f"latency {self.unit.latency_cycles} cycles"

    def random(self, count: int, seed: int) -> list[LimbCase]:
        draw, places = np.random.default_rng(seed), range(len(self.unit.moduli))
        kinds = [(operation, place) for operation in LimbOperation for place in places]
        kinds += [kinds[int(i)] for i in draw.integers(0, len(kinds), count)]
        return [
            LimbCase(
                operation, place, draw.integers(0, self.unit.moduli[place], (3, 8), dtype=np.uint64)
            )
            for operation, place in kinds
        ]

    def read(self, entry: Entry) -> LimbCase:
        names = [operation.name.lower() for operation in LimbOperation]
        operation = LimbOperation[entry.choice("operation", names).upper()]
        place = entry.place(self.unit.moduli)
        q = self.unit.moduli[place]
        a = entry.residues("a", None, q)
        b = entry.residues("b", a.shape, q)
        wanted = operation is LimbOperation.MULTIPLY_ADD
        c = entry.residues("c", a.shape, q) if wanted else np.zeros_like(a)
        return LimbCase(operation, place, np.stack([a, b, c]))

    def modulus(self, case: LimbCase) -> int:
        return self.unit.moduli[case.modulus]

    def run(self, cases: list[LimbCase], trace: Path | None) -> list[np.ndarray]:
        lengths = [case.operands.shape[1] for case in cases]
        beats = max(1, -(-max(lengths) // self.unit.lanes))
        operands = np.zeros((3, len(cases), beats * self.unit.lanes), np.uint64)
        for i, case in enumerate(cases):
            operands[:, i, : lengths[i]] = case.operands
        operations, moduli = [c.operation for c in cases], [c.modulus for c in cases]
        results, _ = run_pointwise(self.unit, operations, moduli, operands, trace=trace)
        return [row[:n] for row, n in zip(results, lengths, strict=True)]

    def golden(self, case: LimbCase) -> np.ndarray:
        """In pieces of eight residues: any modulus of a transform has tables for so many."""
        n = case.operands.shape[1]
        padded = np.pad(case.operands, ((0, 0), (0, -n % 8)))
        pieces = []
        for i in range(0, n, 8):
            a, b, c = padded[:, i : i + 8]
            pieces.append(self.unit.golden(case.operation, a, b, c, case.modulus))
        return np.concatenate([*pieces, np.zeros(0, np.uint64)])[:n]


@dataclass(frozen=True)
class AutomorphismCase:
    """A polynomial, uint64 (N,), and what is done with it."""

    x: np.ndarray
    element: int
    transformed: bool
    modulus: int


@dataclass(frozen=True)
class Automorphisms:
    """modulus, element (odd), transformed (true or false), input: N residues; output: N."""

    unit: AutomorphismUnit
    things = "automorphisms"

    @property
    def timing(self) -> str:
        return f"latency {self.unit.latency_cycles} cycles"

    def random(self, count: int, seed: int) -> list[AutomorphismCase]:
        unit, draw = self.unit, np.random.default_rng(seed)
        elements = [1, 2 * unit.N - 1, 3, 5]
        elements += [int(g) | 1 for g in draw.integers(0, 2 * unit.N, count)]
        cases = []
        for element in elements:
            place = int(draw.integers(0, len(unit.moduli)))
            x = draw.integers(0, unit.moduli[place], unit.N, dtype=np.uint64)
            cases.append(AutomorphismCase(x, element, bool(draw.integers(0, 2)), place))
        return cases

    def read(self, entry: Entry) -> AutomorphismCase:
        place, element = entry.place(self.unit.moduli), entry.integer("element")
        transformed = bool(entry["transformed"])
        self.unit.multiplier(element, transformed)
        x = entry.residues("input", (self.unit.N,), self.unit.moduli[place])
        return AutomorphismCase(x, element, transformed, place)

    def modulus(self, case: AutomorphismCase) -> int:
        return self.unit.moduli[case.modulus]

    def run(self, cases: list[AutomorphismCase], trace: Path | None) -> list[np.ndarray]:
        results, _ = run_automorphism(
            self.unit,
            [case.x for case in cases],
            [case.element for case in cases],
            [case.transformed for case in cases],
            [case.modulus for case in cases],
            trace=trace,
        )
        return list(results)

    def golden(self, case: AutomorphismCase) -> np.ndarray:
        return self.unit.golden(case.x, case.element, case.transformed, case.modulus)


@dataclass(frozen=True)
class Arithmetic:
    """modulus (any that the block takes), and one number each. Multiplier: a, b; output: a number.
    Butterfly: inverse (true or false), a, b, w in factor form; output: two numbers."""

    block: ModularMultiplier | Butterfly
    things = "results"

    @property
    def timing(self) -> str:
        return f"latency {self.block.latency} cycles"

    @property
    def multiplier(self) -> ModularMultiplier:
        return self.block.multiplier if isinstance(self.block, Butterfly) else self.block

    @cached_property
    def prime(self) -> int:
        """The modulus of the random cases."""
        word_bits = getattr(self.multiplier, "word_bits", 1)
        return Options(width=min(self.multiplier.width, 61), word_bits=word_bits, N=8).primes()[0]

    def random(self, count: int, seed: int) -> list[Operands]:
        q, draw = self.prime, np.random.default_rng(seed)
        edges = [0, 1, q // 2, q - 1]
        grid = np.array(np.meshgrid(edges, edges, edges), np.uint64).reshape(3, -1)
        columns = np.concatenate([grid, draw.integers(0, q, (3, count), dtype=np.uint64)], axis=1)
        inverse = draw.integers(0, 2, columns.shape[1])
        operands = zip(*columns.astype(np.int64), inverse.astype(bool), strict=True)
        return [Operands(q, int(a), int(b), int(w), bool(i)) for a, b, w, i in operands]

    def read(self, entry: Entry) -> Operands:
        q = entry.integer("modulus")
        self.multiplier.check_modulus(q)
        a, b = (int(entry.residues(name, (), q)) for name in "ab")
        if not isinstance(self.block, Butterfly):
            return Operands(q, a, b)
        return Operands(q, a, b, int(entry.residues("w", (), q)), bool(entry["inverse"]))

    def modulus(self, case: Operands) -> int:
        return case.q

    def run(self, cases: list[Operands], trace: Path | None) -> list[np.ndarray]:
        return list(run_arithmetic(self.block, cases, trace=trace))

    def golden(self, case: Operands) -> np.ndarray:
        q, a, b = case.q, case.a, case.b
        if isinstance(self.block, Butterfly):
            return np.array(self.block.golden(a, b, case.w, case.inverse, q), np.uint64)
        return np.array(self.block.golden(a, b, q), np.uint64)


def workload_of(block: AnyBlock) -> Workload[Any]:
    """The cases that a block is checked with."""
    if isinstance(block, NTTUnit):
        return Transforms(block)
    if isinstance(block, PointwiseUnit):
        return Limbs(block)
    if isinstance(block, AutomorphismUnit):
        return Automorphisms(block)
    return Arithmetic(block)
