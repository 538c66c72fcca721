"""The builder of programs: one call emits one instruction for each limb of a polynomial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accel_model.isa import (
    EXTERNAL,
    INSTRUCTION,
    NONE,
    ExternalObject,
    Opcode,
    Operation,
    Phase,
    Program,
)

Values = np.ndarray
"""int32 (.., limbs): the number of one value for each limb; leading axes are parts."""


class ProgramBuilder:
    """Collects the instructions of a program.

    Every instruction carries the current `phase`, and the operation that began last.
    """

    def __init__(self, N: int, moduli: Sequence[int]) -> None:
        self.N = N
        self.moduli = tuple(moduli)
        self.phase = Phase.SUM
        self._operations: list[Operation] = []
        self._chunks: list[np.ndarray] = []
        self._values = 0
        self._objects: list[ExternalObject] = []
        self._externals: list[np.ndarray] = []
        self._external_count = 0
        self._loaded: dict[tuple[str, str], Values] = {}
        self._zeros = np.full(len(self.moduli), NONE, dtype=np.int32)

    def begin_operation(self, operation: Operation) -> None:
        """Begin an operation: the instructions that follow belong to it."""
        self._operations.append(operation)

    def emit(
        self,
        opcode: Opcode,
        rows: np.ndarray,
        *sources: Values,
        scalar: np.ndarray | int = 0,
        addend: np.ndarray | int = 0,
        external: np.ndarray | int = NONE,
        element: int = 0,
    ) -> Values:
        """Emit one instruction for each of `rows`, which are indices of moduli.

        sources: one value for each row. scalar, addend, external: one number for all rows, or one
        for each. Returns the new values in the order of the rows; they are `NONE` for `STORE`.
        """
        chunk = np.zeros(len(rows), dtype=INSTRUCTION)
        chunk["opcode"], chunk["phase"], chunk["modulus"] = opcode, self.phase, rows
        chunk["operation"] = len(self._operations) - 1
        chunk["sources"] = NONE
        for column, values in enumerate(sources):
            chunk["sources"][:, column] = values
        chunk["scalar"], chunk["addend"] = scalar, addend
        chunk["external"], chunk["element"] = external, element
        if opcode is Opcode.STORE:
            chunk["destination"] = NONE
        else:
            chunk["destination"] = self._values + np.arange(len(rows))
            self._values += len(rows)
        self._chunks.append(chunk)
        defined: Values = chunk["destination"].copy()
        return defined

    def zeros(self, rows: np.ndarray) -> Values:
        """Limbs of zeros; the program makes them once for each modulus."""
        missing = rows[self._zeros[rows] == NONE]
        if len(missing):
            self._zeros[missing] = self.emit(Opcode.ZERO, missing)
        found: Values = self._zeros[rows]
        return found

    def add_object(self, target: ExternalObject) -> int:
        """Add an external object to the program; returns its index."""
        self._objects.append(target)
        limbs = int(np.prod(target.shape))
        self._loaded[target.kind, target.name] = np.full(limbs, NONE, dtype=np.int32)
        return len(self._objects) - 1

    def load(
        self,
        index: int,
        limbs: np.ndarray,
        rows: np.ndarray,
        seeded: np.ndarray | bool = False,
    ) -> Values:
        """The values of an object's `limbs` modulo `rows`; the first use of a limb loads it.

        limbs: indices in the object's array, flattened to (limbs, N). seeded: whether a seed could
        stand for each limb.
        """
        target = self._objects[index]
        known = self._loaded[target.kind, target.name]
        missing = known[limbs] == NONE
        if missing.any():
            flags = np.broadcast_to(seeded, limbs.shape)[missing]
            entries = self._enter(index, limbs[missing], rows[missing], flags)
            phase, self.phase = self.phase, Phase.TRANSFER
            known[limbs[missing]] = self.emit(Opcode.LOAD, rows[missing], external=entries)
            self.phase = phase
        found: Values = known[limbs]
        return found

    def store(self, index: int, limbs: np.ndarray, rows: np.ndarray, values: Values) -> None:
        """Store values, one a row, to an object's `limbs`."""
        self.phase = Phase.TRANSFER
        entries = self._enter(index, limbs, rows, np.zeros(len(limbs), dtype=np.bool_))
        self.emit(Opcode.STORE, rows, values, external=entries)

    def program(self) -> Program:
        """The program of all instructions so far; raises `ProgramError`."""
        return Program(
            N=self.N,
            moduli=self.moduli,
            instructions=_joined(self._chunks, INSTRUCTION),
            externals=_joined(self._externals, EXTERNAL),
            objects=tuple(self._objects),
            operations=tuple(self._operations),
        )

    def _enter(
        self, index: int, limbs: np.ndarray, rows: np.ndarray, seeded: np.ndarray
    ) -> np.ndarray:
        entries = np.zeros(len(limbs), dtype=EXTERNAL)
        entries["object"], entries["limb"] = index, limbs
        entries["modulus"], entries["seeded"] = rows, seeded
        self._externals.append(entries)
        first = self._external_count
        self._external_count += len(limbs)
        return first + np.arange(len(limbs))


def _joined(parts: list[np.ndarray], dtype: np.dtype[np.void]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)
