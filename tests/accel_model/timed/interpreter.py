"""The slow twin of the machine: every step reads and writes whole limbs, in order of time."""

from __future__ import annotations

import numpy as np

from accel_model.execution.arithmetic import LimbArithmetic
from accel_model.isa import semantics
from accel_model.timed.image import pack, unpack
from accel_model.timed.program import Compute, Flag, Memory, Move, TimedProgram
from accel_model.timed.shape import READ_CYCLES


class Interpreter:
    """Runs a timed program on an image of external memory, and refuses overlapping steps."""

    def __init__(self, program: TimedProgram, image: np.ndarray) -> None:
        self.program, self.image, self.shape = program, image, program.shape
        self.arithmetic = LimbArithmetic(self.shape.N)
        self.slots: dict[int, np.ndarray] = {}
        self.arrivals: dict[int, np.ndarray] = {}
        self.departures: dict[int, np.ndarray] = {}
        self.total: np.ndarray | None = None

    def run(self) -> None:
        shape = self.shape
        events = []
        busy: dict[object, int] = {}

        def occupies(port: object, start: int) -> None:
            assert busy.get(port, 0) <= start, (port, start)
            busy[port] = start + shape.beats

        for row in self.program.compute:
            start, unit = int(row["start"]), int(row["unit"])
            occupies(("unit", unit), start)
            result: list[np.ndarray | None] = []
            begin = start * shape.banks + shape.read_phases[unit][0] + 1
            events.append((begin, 1, self._compute, row, result))
            if row["opcode"] != Compute.COUNT or row["flags"] & Flag.LAST:
                written = start * shape.banks + shape.write_cycles[unit] + 1
                events.append((written, 2, self._leave, row, result))
        for row in self.program.moves:
            start = int(row["start"])
            occupies(("move", int(row["opcode"])), start)
            result = []
            read, write = self._arrive, self._leave
            cycles = 0, shape.write_cycles[-1] + 1
            if row["opcode"] == Move.DEPART:
                read, write = self._depart, self._departed
                phase = shape.read_phases[-1][0]
                cycles = phase + 1, phase + READ_CYCLES
            events.append((start * shape.banks + cycles[0], 1, read, row, result))
            events.append((start * shape.banks + cycles[1], 2, write, row, result))
        for row in self.program.memory:
            work = self._fetch if row["opcode"] == Memory.FETCH else self._write
            events.append((int(row["start"]) * shape.banks, 3, work, row, []))
        for _, _, work, row, result in sorted(events, key=lambda e: e[:2]):
            work(row, result)

    def _fetch(self, row, result):
        bits = self.shape.moduli[row["modulus"]].bit_length()
        address, length = int(row["address"]), -(-self.shape.N * bits // 8)
        packed = self.image[address : address + length]
        self.arrivals[int(row["staging"])] = unpack(packed, bits, self.shape.N)

    def _write(self, row, result):
        bits = self.shape.moduli[row["modulus"]].bit_length()
        packed = pack(self.departures[int(row["staging"])], bits)
        address = int(row["address"])
        self.image[address : address + len(packed)] = packed

    def _arrive(self, row, result):
        result.append(self.arrivals[int(row["staging"])])

    def _depart(self, row, result):
        result.append(self.slots[int(row["slot"])])

    def _departed(self, row, result):
        self.departures[int(row["staging"])] = result[0]

    def _leave(self, row, result):
        slot = row["target"] if "target" in row.dtype.names else row["slot"]
        self.slots[int(slot)] = result[0]

    def _compute(self, row, result):
        opcode, flags = Compute(row["opcode"]), int(row["flags"])
        k, q = self.arithmetic, self.shape.moduli[row["modulus"]]
        scalar, addend = int(row["scalar"]), int(row["addend"])
        constant = lambda value: np.full(self.shape.N, value, np.uint64)  # noqa: E731
        slot = lambda name: self.slots[int(row[name])]  # noqa: E731
        a = constant(0) if flags & Flag.ZERO_A else slot("a")
        if opcode is Compute.NTT:
            done = k.forward(a, q)
        elif opcode is Compute.INTT:
            done = k.inverse(a, q)
        elif opcode is Compute.PERMUTE:
            done = a[k.permutation(scalar)]
        elif opcode is Compute.COUNT:
            reciprocal = int(np.array([1 / q]).view(np.uint64)[0])
            total = None if flags & Flag.FIRST else self.total
            self.total = semantics.fraction(a, reciprocal, total)
            done = semantics.floor(self.total)
        else:
            b = constant(scalar) if flags & Flag.SCALAR_B else slot("b")
            if opcode in (Compute.MULTIPLY, Compute.MULTIPLY_ADD):
                inverse = pow(self.program.radix, -1, q)
                done = k.multiply(k.multiply(k.reduce(a, q), b, q), inverse, q)
                if opcode is Compute.MULTIPLY_ADD:
                    c = constant(addend) if flags & Flag.SCALAR_C else slot("c")
                    done = k.add(done, c, q)
            else:
                done = k.add(a, b, q) if opcode is Compute.ADD else k.subtract(a, b, q)
        result.append(done)
