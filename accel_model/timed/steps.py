"""A program's instructions as steps of the machine's units.

- Products need one operand in factor form. Constants, and external limbs that are nothing but
  factors, are kept so. Where neither operand is, one step more brings one of them to this form.
- A sum of `FRACTION` and its `FLOOR` become steps of one overflow count.
- `NEGATE` and `ZERO` become steps with a constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel_model.errors import MachineMismatchError
from accel_model.isa import NONE, Opcode, Program
from accel_model.timed.program import Compute, Flag


@dataclass(frozen=True)
class Step:
    """One step: a computation, or the load or store of an external limb.

    opcode: a `Compute`, or None. sources: the values a, b, c that it reads; -1 for what it does not
    read. target: the value that it defines, or -1. external: the limb of a load or store, or -1.
    modulus: the place in the program.
    """

    opcode: Compute | None
    sources: tuple[int, int, int]
    target: int
    modulus: int
    flags: int = 0
    scalar: int = 0
    addend: int = 0
    external: int = NONE


def factored_values(program: Program) -> set[int]:
    """The values of `LOAD` that are used as factors only, and never with another such value."""
    rows = program.instructions
    products = (rows["opcode"] == Opcode.MUL) | (rows["opcode"] == Opcode.MULADD)
    sources = rows["sources"]
    loads = set(rows["destination"][rows["opcode"] == Opcode.LOAD].tolist())
    others = {int(v) for v in sources[~products].reshape(-1)} | {
        int(v) for v in sources[products, 2]
    }
    found = loads - others
    pairs = [(int(a), int(b)) for a, b, _ in sources[products].tolist()]
    while clashes := {a for a, b in pairs if a in found and b in found}:
        found -= clashes
    return found


def steps_of(program: Program, radix: int) -> Iterator[Step]:
    """The steps of a program in its order; steps that it does not name define new values.

    Raises `MachineMismatchError` for an overflow count that the machine cannot keep.
    """
    return _Rewriting(program, radix).steps()


class _Rewriting:
    def __init__(self, program: Program, radix: int) -> None:
        self.program, self.radix = program, radix
        self.factored = factored_values(program)
        self.brought: dict[tuple[int, int], int] = {}
        self.values = program.values
        # Sum of fractions so far -> its terms.
        self.terms: dict[int, tuple[tuple[int, int], ...]] = {}
        uses = program.instructions["sources"]
        self.uses = np.bincount(uses[uses != NONE], minlength=program.values)

    def steps(self) -> Iterator[Step]:
        columns = ("opcode", "modulus", "destination", "external", "element", "scalar", "addend")
        rows = self.program.instructions
        fields = zip(*(rows[name].tolist() for name in columns), strict=True)
        for row, sources in zip(fields, rows["sources"].tolist(), strict=True):
            yield from self._steps(Opcode(row[0]), sources, *row[1:])

    def _steps(
        self, opcode: Opcode, sources: list[int], modulus: int, target: int,
        external: int, element: int, scalar: int, addend: int,
    ) -> Iterator[Step]:  # fmt: skip
        a, b, c = sources
        q = self.program.moduli[modulus]
        factor = scalar * self.radix % q if opcode is not Opcode.FRACTION else 0
        both = int(Flag.SCALAR_B | Flag.SCALAR_C)
        if opcode in (Opcode.LOAD, Opcode.STORE):
            yield Step(None, (a, NONE, NONE), target, modulus, external=external)
        elif opcode in (Opcode.NTT, Opcode.INTT):
            code = Compute.NTT if opcode is Opcode.NTT else Compute.INTT
            yield Step(code, (a, NONE, NONE), target, modulus)
        elif opcode is Opcode.PERMUTE:
            yield Step(Compute.PERMUTE, (a, NONE, NONE), target, modulus, scalar=element)
        elif opcode in (Opcode.MUL, Opcode.MULADD):
            if a in self.factored:
                a, b = b, a
            if b not in self.factored:
                if (b, modulus) not in self.brought:
                    yield self._to_factor(b, modulus)
                b = self.brought[b, modulus]
            code = Compute.MULTIPLY if opcode is Opcode.MUL else Compute.MULTIPLY_ADD
            yield Step(code, (a, b, c), target, modulus)
        elif opcode is Opcode.MULSCALAR:
            flags = int(Flag.SCALAR_B)
            yield Step(Compute.MULTIPLY, (a, NONE, NONE), target, modulus, flags, factor)
        elif opcode is Opcode.CONVERT and b == NONE:
            yield Step(Compute.MULTIPLY_ADD, (a, NONE, NONE), target, modulus, both, factor, addend)
        elif opcode is Opcode.CONVERT:
            flags = int(Flag.SCALAR_B)
            yield Step(Compute.MULTIPLY_ADD, (a, NONE, b), target, modulus, flags, factor)
        elif opcode is Opcode.ADDSCALAR:
            flags = int(Flag.SCALAR_B)
            yield Step(Compute.ADD, (a, NONE, NONE), target, modulus, flags, scalar)
        elif opcode is Opcode.ZERO:
            flags = int(Flag.SCALAR_B | Flag.ZERO_A)
            yield Step(Compute.ADD, (NONE,) * 3, target, modulus, flags)
        elif opcode is Opcode.NEGATE:
            yield Step(Compute.SUBTRACT, (NONE, a, NONE), target, modulus, int(Flag.ZERO_A))
        elif opcode is Opcode.FRACTION:
            before = () if b == NONE else self._taken(b)
            self.terms[target] = (*before, (a, modulus))
        elif opcode is Opcode.FLOOR:
            yield from self._count(self._taken(a), target)
        else:
            code = Compute.ADD if opcode is Opcode.ADD else Compute.SUBTRACT
            yield Step(code, (a, b, NONE), target, modulus)

    def _to_factor(self, b: int, modulus: int) -> Step:
        self.brought[b, modulus] = self.values
        self.values += 1
        factor = self.radix * self.radix % self.program.moduli[modulus]
        flags = int(Flag.SCALAR_B)
        target = self.brought[b, modulus]
        return Step(Compute.MULTIPLY, (b, NONE, NONE), target, modulus, flags, factor)

    def _taken(self, total: int) -> tuple[tuple[int, int], ...]:
        if total not in self.terms or self.uses[total] != 1:
            raise MachineMismatchError(
                f"value {total}: the machine keeps a sum of fractions only until the next fraction "
                "or its whole part is taken, once"
            )
        return self.terms.pop(total)

    def _count(self, terms: tuple[tuple[int, int], ...], target: int) -> Iterator[Step]:
        for index, (source, modulus) in enumerate(terms):
            last = index == len(terms) - 1
            flags = (Flag.FIRST if index == 0 else 0) | (Flag.LAST if last else 0)
            yield Step(
                Compute.COUNT, (source, NONE, NONE), target if last else NONE, modulus, int(flags)
            )
