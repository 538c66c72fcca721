"""Programs on the simulated hardware: the third executor, which must agree with the others.

Instructions that wait for nothing but what is done form a wave; those of a wave that share a unit
go through it together. What the units compute:

- the NTT unit: `NTT`, `INTT`;
- the pointwise unit: `MUL`, `MULADD`, `ADD`, `SUB`; `MULSCALAR` and `ADDSCALAR` with the constant
  on every lane, `NEGATE` as 0 - a, `CONVERT` as a scalar + b with its operand unreduced;
- the automorphism unit: `PERMUTE`;
- no unit: `LOAD`, `STORE` and `ZERO`, which are memory's, and the overflow count (`FRACTION`,
  `FLOOR`), float64 sums that are added up beside the units.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accel_model.isa import NONE, Opcode, Program
from rtl.errors import HardwareError, SimulationError
from rtl.generator.catalogue import Options
from rtl.programs.units import Batch, SimulatedUnits
from rtl.units.pointwise import LimbOperation

Data = Mapping[tuple[str, str], np.ndarray]
"""The arrays of external objects by (kind, name), uint64, shape + (N,)."""

_TRANSFORMS = (Opcode.NTT, Opcode.INTT)
_BESIDE = (Opcode.ZERO, Opcode.FRACTION, Opcode.FLOOR)
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
    **dict.fromkeys(_BESIDE, "beside the units"),
}


class ProgramDataError(HardwareError):
    """The data that a program reads are missing or misshapen."""


@dataclass(frozen=True)
class ProgramRun:
    """Outputs by name; how many instructions of each opcode ran; what went through the units."""

    outputs: dict[str, np.ndarray]
    counts: Counter[Opcode]
    batches: tuple[Batch, ...]

    def cycles(self, unit: str) -> int:
        """Cycles that a unit ("ntt", "pointwise", "automorphism") worked, batch after batch."""
        return sum(batch.cycles for batch in self.batches if batch.unit == unit)


def units_for(program: Program, options: Options, lanes: int) -> SimulatedUnits:
    """Units for a program's ring and moduli, with the geometry and reduction of `options`.

    The blocks are widened where a modulus needs it. Raises as the blocks' parameters do.
    """
    width = max(options.width, *(q.bit_length() for q in program.moduli))
    fitting = {"N": program.N, "moduli": program.moduli, "width": width}
    return SimulatedUnits(Options(**{**vars(options), **fitting}), lanes)


def run_program(program: Program, data: Data, units: SimulatedUnits) -> ProgramRun:
    """Run every instruction. Raises `ProgramDataError`, `SimulationError`."""
    first = len(units.batches)
    outputs = _Run(program, data, units).run()
    counts = Counter(program.counts())
    return ProgramRun(outputs, counts, tuple(units.batches[first:]))


def check_outputs(outputs: Mapping[str, np.ndarray], data: Data) -> int:
    """Hold outputs against those that `data` expects; returns how many residues agree.

    Raises `SimulationError` at the first difference, `ProgramDataError` where nothing is expected.
    """
    agreed = 0
    for name, got in outputs.items():
        expected = data.get(("output", name))
        if expected is None or expected.shape != got.shape:
            raise ProgramDataError(f"the data expect no output {name!r} of shape {got.shape}")
        if not np.array_equal(got, expected):
            place = tuple(int(i) for i in np.argwhere(got != expected)[0])
            raise SimulationError(
                f"output {name!r} differs first at {place}: {got[place]} simulated, "
                f"{expected[place]} expected"
            )
        agreed += got.size
    return agreed


def run_lines(done: ProgramRun) -> Iterator[str]:
    """What went through each unit, for people."""
    for unit in ("ntt", "pointwise", "automorphism"):
        limbs = sum(batch.limbs for batch in done.batches if batch.unit == unit)
        yield f"{unit}: {limbs} limbs in {done.cycles(unit)} cycles"
    sums = done.counts[Opcode.FRACTION] + done.counts[Opcode.FLOOR]
    if sums:
        yield f"beside the units: {sums} float64 sums of overflow counts"


class _Run:
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
        self.outside = _outside(program, data)
        self.outputs = {
            o.name: np.zeros((*o.shape, program.N), dtype=np.uint64)
            for o in program.objects_of("output")
        }

    def run(self) -> dict[str, np.ndarray]:
        for wave in self._waves():
            by_unit: dict[str, list[int]] = defaultdict(list)
            for index in wave:
                by_unit[_UNIT_OF.get(self.opcodes[index], "memory")].append(index)
            for unit, indices in by_unit.items():
                # Limbs of one modulus follow each other: a unit waits at every change.
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
        """Instructions by the longest chain of instructions that each waits for."""
        depth_of: list[int] = []
        waves: dict[int, list[int]] = defaultdict(list)
        for index, sources in enumerate(self.sources):
            depth = 1 + max((depth_of[source] for source in sources), default=-1)
            waves[depth].append(index)
            if self.destinations[index] != NONE:
                depth_of.append(depth)
        return [waves[depth] for depth in sorted(waves)]

    def _operands(self, indices: Sequence[int]) -> list[np.ndarray]:
        return [self.values[self.sources[index][0]] for index in indices]

    # --- what each unit does with its part of a wave -------------------------------------------

    def transform(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        inverse = [self.opcodes[index] is Opcode.INTT for index in indices]
        return self.units.transform(self._operands(indices), self._places(indices), inverse)

    def permute(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        elements = [int(self.rows["element"][index]) for index in indices]
        return self.units.permute(self._operands(indices), self._places(indices), elements)

    def combine(self, indices: Sequence[int]) -> Sequence[np.ndarray]:
        operands = [self._limb_operands(index) for index in indices]
        a, b, c = ([triple[k] for triple in operands] for k in range(3))
        operations = [_LIMB_OPERATIONS[self.opcodes[index]] for index in indices]
        return self.units.combine(operations, self._places(indices), a, b, c)

    def _limb_operands(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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

    def beside(self, indices: Sequence[int]) -> list[np.ndarray]:
        done = []
        for index in indices:
            sources = [self.values[source] for source in self.sources[index]]
            if self.opcodes[index] is Opcode.ZERO:
                done.append(np.zeros(self.program.N, np.uint64))
            elif self.opcodes[index] is Opcode.FLOOR:
                done.append(sources[0].view(np.float64).astype(np.uint64))
            else:
                reciprocal = np.uint64(self.scalars[index]).view(np.float64)
                total = sources[1].view(np.float64) if len(sources) > 1 else np.float64(0)
                sums = np.asarray(total + sources[0].astype(np.float64) * reciprocal)
                done.append(sums.view(np.uint64))
        return done

    def transfer(self, indices: Sequence[int]) -> list[np.ndarray]:
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
        return [self.moduli[index] for index in indices]

    def _constant(self, value: int) -> np.ndarray:
        return np.broadcast_to(np.uint64(value), self.program.N)


_WORK: dict[str, Callable[[_Run, Sequence[int]], Sequence[np.ndarray]]] = {
    "ntt": _Run.transform,
    "pointwise": _Run.combine,
    "automorphism": _Run.permute,
    "beside the units": _Run.beside,
    "memory": _Run.transfer,
}


def _outside(program: Program, data: Data) -> dict[int, np.ndarray]:
    """The limbs (limbs, N) of each object that is read."""
    found = {}
    for index, o in enumerate(program.objects):
        if o.kind == "output":
            continue
        array = data.get((o.kind, o.name))
        shape = (*o.shape, program.N)
        if array is None or array.shape != shape or array.dtype != np.uint64:
            given = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ProgramDataError(
                f"the program reads {o.kind} {o.name!r}, uint64 {shape}: the data hold {given}"
            )
        found[index] = array.reshape(-1, program.N)
    return found
