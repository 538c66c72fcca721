"""What each kind of block is checked with: random and given cases, and their exact results.

The docstring of a workload names the fields of a given case. The field `output` may be left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from ntt.modulus import MAX_MODULUS_BITS
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.chacha20 import KEY_BYTES
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import SimulationError
from rtl.generator.catalogue import AnyBlock, BlockOptions
from rtl.simulation.drivers import (
    Operands,
    Transform,
    run_arithmetic,
    run_automorphism,
    run_expander,
    run_ntt,
    run_pointwise,
    transforms_for,
)
from rtl.simulation.vectors import Entry
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.expander import SeedExpander
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit

Case = TypeVar("Case")


class Workload(ABC, Generic[Case]):
    """The cases of one kind of block. `things` is what a case is called, in the plural."""

    things: str

    @property
    @abstractmethod
    def timing(self) -> str:
        """The cycles that the block states, in words."""

    @abstractmethod
    def random(self, count: int, seed: int) -> list[Case]:
        """The edge cases, then `count` random cases."""

    @abstractmethod
    def read(self, entry: Entry) -> Case:
        """A given case. Raises `SimulationError` if a field is missing or does not fit."""

    @abstractmethod
    def modulus(self, case: Case) -> int:
        """The modulus q of a case."""

    @abstractmethod
    def run(self, cases: list[Case], trace: Path | None) -> list[np.ndarray]:
        """The simulated results, uint64. trace: a VCD file to write."""

    @abstractmethod
    def golden(self, case: Case) -> np.ndarray:
        """The exact result, uint64."""


@dataclass(frozen=True)
class Transforms(Workload[Transform]):
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
        return Transform(x, place, entry.truth("inverse"))

    def modulus(self, case: Transform) -> int:
        return self.unit.moduli[case.modulus]

    def run(self, cases: list[Transform], trace: Path | None) -> list[np.ndarray]:
        """The simulated results. Raises `SimulationError` if the unit does not keep its cycles."""
        unit, run = self.unit, run_ntt(self.unit, cases, trace=trace)
        latency = int(run.out_cycle[0, 0] - run.in_cycle[0, -1])
        intervals = set(np.diff(run.out_cycle[:, 0]).tolist())
        if latency != unit.latency_cycles or intervals - {unit.interval_cycles}:
            raise SimulationError(
                f"simulated: a latency of {latency} cycles and intervals of {sorted(intervals)}; "
                f"stated: {unit.latency_cycles} and {unit.interval_cycles}"
            )
        return list(run.results)

    def golden(self, case: Transform) -> np.ndarray:
        return self.unit.golden(case.x, case.modulus, case.inverse)


@dataclass(frozen=True)
class LimbCase:
    """An operation on a, b, c, uint64 (3, n), modulo entry `modulus` of the table."""

    operation: LimbOperation
    modulus: int
    operands: np.ndarray


@dataclass(frozen=True)
class Limbs(Workload[LimbCase]):
    """modulus, operation (a name of `LimbOperation` in small letters), a, b and, for multiply_add,
    c: n residues each, any n; output: n."""

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
        """The exact result, in pieces of eight residues, for which every modulus has tables."""
        n = case.operands.shape[1]
        padded = np.pad(case.operands, ((0, 0), (0, -n % 8)))
        pieces = []
        for i in range(0, n, 8):
            a, b, c = padded[:, i : i + 8]
            pieces.append(self.unit.golden(case.operation, a, b, c, case.modulus))
        return np.concatenate([*pieces, np.zeros(0, np.uint64)])[:n]


@dataclass(frozen=True)
class AutomorphismCase:
    """a(x) to a(x^element) for x, uint64 (N,), modulo entry `modulus` of the table."""

    x: np.ndarray
    element: int
    transformed: bool
    modulus: int


@dataclass(frozen=True)
class Automorphisms(Workload[AutomorphismCase]):
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
        transformed = entry.truth("transformed")
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
class Expansion:
    """A key of 32 bytes, and the place of its modulus."""

    key: bytes
    modulus: int


@dataclass(frozen=True)
class Expansions(Workload[Expansion]):
    """modulus, key: 64 hexadecimal digits; output: N residues."""

    unit: SeedExpander
    things = "rows"

    @property
    def timing(self) -> str:
        return f"the cycles of every beat as stated, from {self.unit.latency_cycles} on"

    def random(self, count: int, seed: int) -> list[Expansion]:
        draw, places = np.random.default_rng(seed), range(len(self.unit.moduli))
        edges = [Expansion(bytes([octet] * KEY_BYTES), i) for octet in (0, 255) for i in places]
        return edges + [
            Expansion(draw.bytes(KEY_BYTES), int(draw.integers(len(places)))) for _ in range(count)
        ]

    def read(self, entry: Entry) -> Expansion:
        return Expansion(entry.octets("key", KEY_BYTES), entry.place(self.unit.moduli))

    def modulus(self, case: Expansion) -> int:
        return self.unit.moduli[case.modulus]

    def run(self, cases: list[Expansion], trace: Path | None) -> list[np.ndarray]:
        """The simulated results. Raises `SimulationError` if the unit does not keep its cycles."""
        unit = self.unit
        keys, places = [case.key for case in cases], [case.modulus for case in cases]
        results, stream = run_expander(unit, keys, places, trace=trace)
        simulated = stream.out_cycle.reshape(len(cases), unit.beats) - stream.in_cycle[:, None]
        for number, (case, got) in enumerate(zip(cases, simulated, strict=True)):
            stated = unit.beat_cycles(case.key, case.modulus)
            if not np.array_equal(got, stated):
                beat = int(np.flatnonzero(got != stated)[0])
                raise SimulationError(
                    f"case {number}: beat {beat} came {got[beat]} cycles after its key; stated: "
                    f"{stated[beat]}"
                )
        return list(results)

    def golden(self, case: Expansion) -> np.ndarray:
        return self.unit.golden(case.key, case.modulus)


@dataclass(frozen=True)
class Arithmetic(Workload[Operands]):
    """modulus (any that fits the block), then one number each.

    Multiplier: a, b; output: a number. Butterfly: inverse (true or false), a, b, w in factor form;
    output: two numbers.
    """

    block: ModularMultiplier | Butterfly
    things = "results"

    @property
    def timing(self) -> str:
        return f"latency {self.block.latency} cycles"

    @property
    def multiplier(self) -> ModularMultiplier:
        """The multiplier, or that of the butterfly."""
        return self.block.multiplier if isinstance(self.block, Butterfly) else self.block

    @cached_property
    def prime(self) -> int:
        """The modulus of the random cases."""
        word_bits = getattr(self.multiplier, "word_bits", 1)
        width = min(self.multiplier.width, MAX_MODULUS_BITS)
        return BlockOptions(width=width, word_bits=word_bits, N=8).primes()[0]

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
        return Operands(q, a, b, int(entry.residues("w", (), q)), entry.truth("inverse"))

    def modulus(self, case: Operands) -> int:
        return case.q

    def run(self, cases: list[Operands], trace: Path | None) -> list[np.ndarray]:
        return list(run_arithmetic(self.block, cases, trace=trace))

    def golden(self, case: Operands) -> np.ndarray:
        q, a, b = case.q, case.a, case.b
        if isinstance(self.block, Butterfly):
            return np.array(self.block.golden(a, b, case.w, case.inverse, q), np.uint64)
        return np.array(self.block.golden(a, b, q), np.uint64)


WORKLOADS: dict[type, Callable[[Any], Workload[Any]]] = {
    NTTUnit: Transforms,
    PointwiseUnit: Limbs,
    AutomorphismUnit: Automorphisms,
    SeedExpander: Expansions,
}
"""Of each kind of unit; those of arithmetic blocks are `Arithmetic`."""


def workload_of(block: AnyBlock) -> Workload[Any]:
    """The workload of a block."""
    return WORKLOADS.get(type(block), Arithmetic)(block)
