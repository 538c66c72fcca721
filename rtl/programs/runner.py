"""Programs on simulated hardware: the third executor, which must agree with the other two.

All instructions whose operands are ready form a wave. The instructions of a wave that need the same
unit go through it together. Each opcode needs one unit, or none:

- the NTT unit: `NTT`, `INTT`;
- the pointwise unit: `MUL`, `MULADD`, `ADD`, `SUB`; also `MULSCALAR` and `ADDSCALAR` with the
  constant in every lane, `NEGATE` as 0 - a, and `CONVERT` as a scalar + b with a not reduced;
- the automorphism unit: `PERMUTE`;
- none: `LOAD`, `STORE` and `ZERO`, which only move data, and `FRACTION` and `FLOOR`, the float64
  arithmetic of the overflow count, which NumPy computes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accel_model.isa import NONE, ExecutionError, Opcode, Program, semantics
from accel_model.isa.program_data import Data, empty_outputs, limbs_read
from rtl.errors import ProgramDataError, SimulationError
from rtl.generator.catalogue import BlockOptions
from rtl.programs.simulated_units import Batch, SimulatedUnits
from rtl.units.pointwise import LimbOperation

_TRANSFORMS = (Opcode.NTT, Opcode.INTT)
_TRANSFERS = (Opcode.LOAD, Opcode.STORE)
_WITHOUT_UNIT = (Opcode.ZERO, Opcode.FRACTION, Opcode.FLOOR)
_LIMB_OPERATIONS = {
    Opcode.MUL: LimbOperation.MULTIPLY,
    Opcode.MULSCALAR: LimbOperation.MULTIPLY,
    Opcode.MULADD: LimbOperation.MULTIPLY_ADD,
    Opcode.CONVERT: LimbOperation.MULTIPLY_ADD,
    Opcode.ADD: LimbOperation.ADD,
    Opcode.ADDSCALAR: LimbOperation.ADD,
    Opcode.SUB: LimbOperation.SUBTRACT,
    Opcode.NEGATE: LimbOperation.SUBTRACT,
}
_UNIT_OF = {
    **dict.fromkeys(_TRANSFORMS, "ntt"),
    **dict.fromkeys(_LIMB_OPERATIONS, "pointwise"),
    Opcode.PERMUTE: "automorphism",
    **dict.fromkeys(_TRANSFERS, "memory"),
    **dict.fromkeys(_WITHOUT_UNIT, "none"),
}
assert set(_UNIT_OF) == set(Opcode)


@dataclass(frozen=True)
class ProgramRun:
    """A finished program: its outputs by name, uint64 with shape + (N,), and its batches.

    counts: how many instructions of each opcode ran. batches: what went through the units.
    """

    outputs: dict[str, np.ndarray]
    counts: Counter[Opcode]
    batches: tuple[Batch, ...]

    def cycles(self, unit: str) -> int:
        """Cycles of all batches of a unit: "ntt", "pointwise" or "automorphism"."""
        return sum(batch.cycles for batch in self.batches if batch.unit == unit)


def units_for(program: Program, options: BlockOptions, lanes: int) -> SimulatedUnits:
    """Units for a program's ring and moduli, with the geometry and reduction of `options`.

    The units are as wide as the widest modulus, at least `options.width`.
    """
    width = max(options.width, *(q.bit_length() for q in program.moduli))
    fitting = replace(options, N=program.N, moduli=program.moduli, width=width)
    return SimulatedUnits(fitting, lanes)


def run_program(program: Program, data: Data, units: SimulatedUnits) -> ProgramRun:
    """Run every instruction of a program on the arrays of its inputs, keys and plaintexts.

    Raises `ProgramDataError` for missing or misshapen arrays, and the errors of `SimulatedUnits`.
    """
    first = len(units.batches)
    outputs = _Run(program, data, units).run()
    counts = Counter(program.counts())
    return ProgramRun(outputs, counts, tuple(units.batches[first:]))


def check_outputs(outputs: Mapping[str, np.ndarray], data: Data) -> int:
    """Compare outputs with those in `data`, and return how many residues agree.

    Raises `SimulationError` at the first difference, `ProgramDataError` if `data` lack an output.
    """
    agreed = 0
    for name, got in outputs.items():
        expected = data.get(("output", name))
        if expected is None or expected.shape != got.shape:
            raise ProgramDataError(f"the data have no output {name!r} of shape {got.shape}")
        if not np.array_equal(got, expected):
            place = tuple(int(i) for i in np.argwhere(got != expected)[0])
            raise SimulationError(
                f"output {name!r} differs first at {place}: {got[place]} simulated, "
                f"{expected[place]} expected"
            )
        agreed += got.size
    return agreed


def run_lines(done: ProgramRun) -> Iterator[str]:
    """Lines that say what went through each unit."""
    for unit in ("ntt", "pointwise", "automorphism"):
        limbs = sum(batch.limbs for batch in done.batches if batch.unit == unit)
        yield f"{unit}: {limbs} limbs in {done.cycles(unit)} cycles"
    sums = done.counts[Opcode.FRACTION] + done.counts[Opcode.FLOOR]
    if sums:
        yield f"NumPy: {sums} float64 sums and floors of overflow counts"


class _Run:
    """One run of a program: the limbs that are alive, and how often each will still be read."""

    def __init__(self, program: Program, data: Data, units: SimulatedUnits) -> None:
        self.program, self.units = program, units
        self.rows = program.instructions
        self.opcodes = [Opcode(code) for code in self.rows["opcode"].tolist()]
        self.sources = [[s for s in row if s != NONE] for row in self.rows["sources"].tolist()]
        self.moduli: list[int] = self.rows["modulus"].tolist()
        self.scalars: list[int] = self.rows["scalar"].tolist()
        self.addends: list[int] = self.rows["addend"].tolist()
        self.external: list[int] = self.rows["external"].tolist()
        self.destinations: list[int] = self.rows["destination"].tolist()
        self.values: dict[int, np.ndarray] = {}
        self.uses = Counter(source for sources in self.sources for source in set(sources))
        try:
            self.outside = limbs_read(program, data)
        except ExecutionError as error:
            raise ProgramDataError(str(error)) from error
        self.outputs = empty_outputs(program)

    def run(self) -> dict[str, np.ndarray]:
        """Run wave after wave, and return the outputs."""
        for wave in self._waves():
            by_unit: dict[str, list[int]] = defaultdict(list)
            for index in wave:
                by_unit[_UNIT_OF[self.opcodes[index]]].append(index)
            for unit, indices in by_unit.items():
                # Limbs of one modulus follow each other, since a unit waits when it changes.
                indices.sort(key=self.moduli.__getitem__)
                for index, limb in zip(indices, _WORK[unit](self, indices), strict=True):
                    if self.uses[self.destinations[index]]:
                        self.values[self.destinations[index]] = limb
            for source in (s for index in wave for s in set(self.sources[index])):
                self.uses[source] -= 1
                if not self.uses[source]:
                    del self.values[source]
        return self.outputs

    def _waves(self) -> list[list[int]]:
        """The indices of instructions by the longest chain of instructions before each."""
        depth_of: list[int] = []
        waves: dict[int, list[int]] = defaultdict(list)
        for index, sources in enumerate(self.sources):
            depth = 1 + max((depth_of[source] for source in sources), default=-1)
            waves[depth].append(index)
            if self.destinations[index] != NONE:
                depth_of.append(depth)
        return [waves[depth] for depth in sorted(waves)]

    def _operands(self, indices: Sequence[int]) -> list[np.ndarray]:
        """The first source of each instruction."""
        return [self.values[self.sources[index][0]] for index in indices]

    # --- the part of a wave that each unit runs ------------------------------------------------

    def transform(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        """`NTT` and `INTT`, on the NTT unit."""
        inverse = [self.opcodes[index] is Opcode.INTT for index in indices]
        return self.units.transform(self._operands(indices), self._places(indices), inverse)

    def permute(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        """`PERMUTE`, on the automorphism unit."""
        elements = [int(self.rows["element"][index]) for index in indices]
        return self.units.permute(self._operands(indices), self._places(indices), elements)

    def combine(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        """The opcodes of `_LIMB_OPERATIONS`, on the pointwise unit."""
        operands = [self._limb_operands(index) for index in indices]
        a, b, c = ([triple[k] for triple in operands] for k in range(3))
        operations = [_LIMB_OPERATIONS[self.opcodes[index]] for index in indices]
        return self.units.combine(operations, self._places(indices), a, b, c)

    def _limb_operands(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """a, b, c of the pointwise unit for an instruction."""
        opcode = self.opcodes[index]
        sources = [self.values[source] for source in self.sources[index]]
        zero, scalar = self._constant(0), self._constant(self.scalars[index])
        if opcode is Opcode.CONVERT:
            partial = sources[1] if len(sources) > 1 else self._constant(self.addends[index])
            return sources[0], scalar, partial
        if opcode in (Opcode.MULSCALAR, Opcode.ADDSCALAR):
            return sources[0], scalar, zero
        if opcode is Opcode.NEGATE:
            return zero, sources[0], zero
        if opcode is Opcode.MULADD:
            return sources[0], sources[1], sources[2]
        return sources[0], sources[1], zero

    def compute(self, indices: Sequence[int]) -> list[np.ndarray]:
        """`ZERO`, `FRACTION` and `FLOOR`, in NumPy."""
        done = []
        for index in indices:
            sources = [self.values[source] for source in self.sources[index]]
            if self.opcodes[index] is Opcode.ZERO:
                done.append(np.zeros(self.program.N, np.uint64))
            elif self.opcodes[index] is Opcode.FLOOR:
                done.append(semantics.floor(sources[0]))
            else:
                total = sources[1] if len(sources) > 1 else None
                done.append(semantics.fraction(sources[0], self.scalars[index], total))
        return done

    def transfer(self, indices: Sequence[int]) -> list[np.ndarray]:
        """`LOAD` and `STORE`."""
        table, done = self.program.externals, []
        for index in indices:
            entry = table[self.external[index]]
            limb = int(entry["limb"])
            if self.opcodes[index] is Opcode.LOAD:
                done.append(self.outside[int(entry["object"])][limb])
                continue
            target = self.outputs[self.program.objects[int(entry["object"])].name]
            done.append(self.values[self.sources[index][0]])
            target.reshape(-1, self.program.N)[limb] = done[-1]
        return done

    def _places(self, indices: Sequence[int]) -> list[int]:
        """The place of each instruction's modulus in the table."""
        return [self.moduli[index] for index in indices]

    def _constant(self, value: int) -> np.ndarray:
        """A limb of equal entries."""
        return np.broadcast_to(np.uint64(value), self.program.N)


_WORK: dict[str, Callable[[_Run, Sequence[int]], Sequence[np.ndarray]]] = {
    "ntt": _Run.transform,
    "pointwise": _Run.combine,
    "automorphism": _Run.permute,
    "memory": _Run.transfer,
    "none": _Run.compute,
}
