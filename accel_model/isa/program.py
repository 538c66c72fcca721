"""Programs of instructions on limbs, and the rules that they keep.

A **value** is one limb: N residues modulo one prime, each in [0, q) unless the opcode says
otherwise. Every instruction but `STORE` defines one value. Each value is defined once (static
single assignment) and before it is used. Values have numbers 0, 1, 2, .. in the order in which they
are defined.

Every **external limb** (of an input, a key, a plaintext or an output) is one row of the table
`Program.externals`; one `LOAD` loads it at its first use. A machine whose on-chip memory is too
small drops values and brings them back: it loads values of `LOAD` again, and has to write other
values before it drops them. A program does not name these transfers, because they depend on the
machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accel_model.errors import ProgramError
from accel_model.isa.instructions import INSTRUCTION, NONE, SOURCES, Opcode, Phase, describe

EXTERNAL = np.dtype(
    [
        ("object", np.int32),  # index in Program.objects
        ("limb", np.int32),  # which row of the object's array, flattened to (limbs, N)
        ("modulus", np.uint16),
        ("seeded", np.bool_),  # uniform, so that a seed could stand for it
    ]
)

OBJECT_KINDS = ("input", "output", "key", "plaintext")


@dataclass(frozen=True)
class ExternalObject:
    """An array outside the accelerator: uint64, `shape` + (N,).

    kind: one of `OBJECT_KINDS`. name: the trace's name for the array; no two objects of a kind have
    the same name.
    """

    kind: str
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """The homomorphic operation that instructions come from: its kind, level and layer."""

    kind: str
    level: int
    layer: str


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions that can run in their order, one after another; read-only.

    N: ring degree. moduli: the primes, which instructions name by index. instructions: dtype
    `INSTRUCTION`, shape (n,). externals: dtype `EXTERNAL`, shape (limbs,). Raises `ProgramError`
    where a rule at the top of this module is broken.
    """

    N: int
    moduli: tuple[int, ...]
    instructions: np.ndarray
    externals: np.ndarray
    objects: tuple[ExternalObject, ...]
    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        for name, dtype in (("instructions", INSTRUCTION), ("externals", EXTERNAL)):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise ProgramError(
                    f"{name} are {array.dtype} of {array.ndim} axes: a vector of {dtype} is needed"
                )
        _check(self)
        for array in (self.instructions, self.externals):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.instructions)

    def __repr__(self) -> str:
        return (
            f"Program(N={self.N}, {len(self.moduli)} moduli, {len(self)} instructions, "
            f"{len(self.externals)} external limbs, {len(self.operations)} operations)"
        )

    @cached_property
    def definitions(self) -> np.ndarray:
        """int64 (values,): the index of the instruction that defines each value."""
        return np.flatnonzero(self.instructions["destination"] != NONE)

    @property
    def values(self) -> int:
        """How many values the program defines."""
        return len(self.definitions)

    @cached_property
    def last_uses(self) -> np.ndarray:
        """int64 (values,): the index of the last instruction that reads each value, or NONE."""
        last = np.full(self.values, NONE, dtype=np.int64)
        for column in range(3):
            sources = self.instructions["sources"][:, column]
            readers = np.flatnonzero(sources != NONE)
            np.maximum.at(last, sources[readers], readers)
        return last

    def objects_of(self, kind: str) -> tuple[ExternalObject, ...]:
        """The external objects of one of `OBJECT_KINDS`, in order."""
        return tuple(o for o in self.objects if o.kind == kind)

    def counts(self) -> dict[Opcode, int]:
        """How many instructions there are of each opcode that occurs."""
        counts = np.bincount(self.instructions["opcode"], minlength=len(Opcode))
        return {opcode: int(counts[opcode]) for opcode in Opcode if counts[opcode]}


def _check(program: Program) -> None:
    rows, N, moduli = program.instructions, program.N, program.moduli
    if N < 2 or N & (N - 1):
        raise ProgramError(f"N = {N}: a power of two is needed")
    if not moduli or len(set(moduli)) != len(moduli) or not all(1 < q < 1 << 64 for q in moduli):
        raise ProgramError(f"moduli {list(moduli)}: distinct ones below 2^64, at least one")
    opcodes, sources = rows["opcode"], rows["sources"]
    _all(rows, opcodes < len(Opcode), f"the opcode is not one of 0 .. {len(Opcode) - 1}")
    _all(rows, rows["phase"] < len(Phase), f"the phase is not one of 0 .. {len(Phase) - 1}")
    _all(rows, rows["modulus"] < len(moduli), f"there are {len(moduli)} moduli")
    operations = len(program.operations)
    fits = (rows["operation"] >= 0) & (rows["operation"] < operations)
    _all(rows, fits, f"there are {operations} operations")
    least = np.array([SOURCES[o][0] for o in Opcode])[opcodes]
    most = np.array([SOURCES[o][1] for o in Opcode])[opcodes]
    given = (sources != NONE).sum(axis=1)
    leading = ((sources != NONE) == (np.arange(3) < given[:, None])).all(axis=1)
    _all(rows, (least <= given) & (given <= most) & leading, "wrong sources for the opcode")
    defines = opcodes != Opcode.STORE
    value = np.where(defines, np.cumsum(defines) - 1, NONE)
    _all(rows, rows["destination"] == value, "values must be numbered in order of definition")
    before = np.cumsum(defines) - defines
    known = (sources >= NONE) & (sources < before[:, None])
    _all(rows, known.all(axis=1), "a source is not defined before")
    transfer = (opcodes == Opcode.LOAD) | (opcodes == Opcode.STORE)
    external = rows["external"]
    within = (external >= 0) & (external < len(program.externals))
    _all(rows, np.where(transfer, within, external == NONE), "no such external limb")
    permutes = opcodes == Opcode.PERMUTE
    element = rows["element"]
    automorphism = (element % 2 == 1) & (element > 0) & (element < 2 * N)
    _all(rows, np.where(permutes, automorphism, element == 0), "no Galois element")
    q = np.array(moduli, dtype=np.uint64)[rows["modulus"]]
    residues = (rows["scalar"] < q) | (opcodes == Opcode.FRACTION)
    _all(rows, residues & (rows["addend"] < q), "a constant is not below the modulus")
    _check_externals(program)


def _check_externals(program: Program) -> None:
    names = [(o.kind, o.name) for o in program.objects]
    if len(set(names)) != len(names) or any(o.kind not in OBJECT_KINDS for o in program.objects):
        raise ProgramError(f"objects need distinct names and one of the kinds {OBJECT_KINDS}")
    table = program.externals
    fits = (table["object"] >= 0) & (table["object"] < len(program.objects))
    fits &= table["modulus"] < len(program.moduli)
    if not fits.all():
        raise ProgramError(f"external limb {np.argmin(fits)}: no such object or modulus")
    limbs = np.array([int(np.prod(o.shape)) for o in program.objects], dtype=np.int64)
    inside = (table["limb"] >= 0) & (table["limb"] < limbs[table["object"]])
    if not inside.all():
        raise ProgramError(f"external limb {np.argmin(inside)}: its object has no such limb")
    if len(np.unique(table[["object", "limb"]])) != len(table):
        raise ProgramError("an external limb stands twice in the table")


def _all(rows: np.ndarray, holds: np.ndarray, trouble: str) -> None:
    if not holds.all():
        index = int(np.argmin(holds))
        raise ProgramError(f"instruction {index}, {describe(rows[index])}: {trouble}")
