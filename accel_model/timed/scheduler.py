"""From a program to a timed program: slots, transfers, and a start for every step.

Steps are placed in program order, each at the first beat at which its operands are there, its unit
is free and its slot can be written. A result can be read while its last rows are still written, and
a slot be written while its last rows are still read: all rows move at one pace.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from accel_model.isa import NONE, Program
from accel_model.timed.channel import ChannelTimeline
from accel_model.timed.program import (
    COMPUTE,
    MEMORY,
    MOVE,
    PLACED,
    Memory,
    Move,
    TimedProgram,
    kind_of,
)
from accel_model.timed.residents import Residents
from accel_model.timed.shape import Shape
from accel_model.timed.steps import Step, factored_values, steps_of

_RESERVE = 16
"""Slots that loads leave free, if there are enough: so the next loads need not wait."""


def schedule(program: Program, shape: Shape, radix: int) -> TimedProgram:
    """The timed program of `program` for a machine whose multiplier has this radix.

    Raises `MachineMismatchError` for a program that does not fit.
    """
    shape.check_moduli(program.N, program.moduli)
    return _Scheduler(program, shape, radix).run()


@dataclass
class _Unit:
    """When a unit is free, in beats: for any step, and for one that changes its modulus."""

    free: int = 1
    starts: list[int] = field(default_factory=lambda: [-(1 << 40)] * 2)
    modulus: int = NONE
    change: int = -(1 << 40)


class _Scheduler:
    def __init__(self, program: Program, shape: Shape, radix: int) -> None:
        self.program, self.shape, self.radix = program, shape, radix
        self.steps = list(steps_of(program, radix))
        self.residents = Residents(self.steps, shape.slots)
        self.place_of = [shape.moduli.index(q) for q in program.moduli]
        self.units = [_Unit() for _ in shape.units]
        self.channel = ChannelTimeline(shape.channel)
        self.reserve = min(_RESERVE, shape.slots // 4)
        self.compute: list[tuple[int, ...]] = []
        self.moves: list[tuple[int, ...]] = []
        self.memory: list[tuple[int, ...]] = []
        self.arrivals_free = [1] * shape.arrivals
        self.written: list[int] = []
        self.fetches = 0
        self.last_memory = self.arrive_free = self.depart_free = 0
        self._place_externals(factored_values(program))
        # Value -> its address outside, and the place of its modulus.
        self.outside: dict[int, int] = {}
        self.modulus_of: dict[int, int] = {}

    def run(self) -> TimedProgram:
        for step in self.steps:
            if step.opcode is not None:
                self._compute(step)
            elif step.target != NONE:
                self.outside[step.target] = self.addresses[step.external]
                self.modulus_of[step.target] = self.place_of[step.modulus]
                self._arrive(step.target, set())
            else:
                self._store(step)
        compute = np.array(sorted(self.compute, key=lambda row: row[:1]), COMPUTE)
        moves = np.zeros(len(self.moves), MOVE)
        for name, column in zip(("start", "opcode", "staging", "slot", "need"),
                                zip(*sorted(self.moves), strict=True), strict=False):  # fmt: skip
            moves[name] = column
        memory = np.zeros(len(self.memory), MEMORY)
        names = ("start", "opcode", "staging", "modulus", "address", "beats")
        for name, column in zip(names, zip(*self.memory, strict=True), strict=False):
            memory[name] = column
        placed = np.array(self.placed, PLACED)
        return TimedProgram(
            self.shape, self.radix, self.program.objects, placed, memory, moves, compute, self.end
        )

    def _place_externals(self, factored: set[int]) -> None:
        rows, table = self.program.instructions, self.program.externals
        of_limb = dict(zip(rows["external"].tolist(), rows["destination"].tolist(), strict=True))
        self.end = 0
        self.addresses: list[int] = []
        self.placed: list[tuple[int, int, int, bool, int]] = []
        for index, (owner, limb, modulus, _) in enumerate(table.tolist()):
            place = self.place_of[modulus]
            self._place(owner, limb, place, of_limb.get(index) in factored)

    def _place(self, owner: int, limb: int, place: int, factored: bool) -> int:
        self.addresses.append(self.end)
        self.placed.append((owner, limb, place, factored, self.end))
        self.end += self.shape.limb_bytes(self.shape.moduli[place].bit_length())
        return self.addresses[-1]

    # --- steps ----------------------------------------------------------------------------------

    def _compute(self, step: Step) -> None:
        assert step.opcode is not None
        read = [v for v in step.sources if v != NONE]
        kept = set(read)
        for v in read:
            if v not in self.residents.slot_of:
                self._arrive(v, kept)
        begin = max((self.residents.ready[v] for v in read), default=1)
        slots = [self.residents.slot_of[v] if v != NONE else 0 for v in step.sources]
        # A source that ends here may leave its slot to the result, so it leaves first.
        for v in kept:
            self.residents.used(v)
        place = self.place_of[step.modulus]
        start, number = min(
            (max(begin, self._free(n, place)), n)
            for n, kind in enumerate(self.shape.units)
            if kind == kind_of(step.opcode)
        )
        target = 0
        if step.target != NONE:
            self._make_room(1, kept)
            target = self.residents.take()
            start = max(start, self.residents.writable[target])
        self._occupy(number, place, start)
        for slot, v in zip(slots, step.sources, strict=True):
            if v != NONE:
                self.residents.read(slot, start)
        if step.target != NONE:
            ready = start + self.shape.ready_beats(number)
            self.modulus_of[step.target] = place
            self.residents.place(step.target, target, ready)
        self.compute.append(
            (start, int(step.opcode), number, place, step.flags, target, *slots,
             step.scalar, step.addend)
        )  # fmt: skip

    def _free(self, number: int, place: int) -> int:
        unit, shape = self.units[number], self.shape
        if shape.units[number] == "ntt":
            return max(unit.free, unit.starts[0] + shape.refill_beats)
        if shape.units[number] == "pointwise" and unit.modulus != place:
            return max(unit.free, unit.change + shape.modulus_change_beats)
        return unit.free

    def _occupy(self, number: int, place: int, start: int) -> None:
        unit = self.units[number]
        unit.free = start + self.shape.interval_beats[self.shape.units[number]]
        unit.starts = [unit.starts[1], start]
        if unit.modulus != place:
            unit.modulus, unit.change = place, start

    def _store(self, step: Step) -> None:
        v = step.sources[0]
        if v not in self.residents.slot_of:
            self._arrive(v, {v})
        self._depart(v, self.addresses[step.external], self.place_of[step.modulus])
        self.residents.used(v)

    # --- transfers ------------------------------------------------------------------------------

    def _make_room(self, count: int, kept: set[int]) -> None:
        """Let values leave until `count` slots are free."""
        while self.residents.free < count:
            v = self.residents.furthest(kept)
            if v is None:
                break
            if v not in self.outside:
                place = self.modulus_of[v]
                self.outside[v] = self._place(-1, 0, place, False)
                self._depart(v, self.outside[v], place)
            self.residents.leave(v)

    def _arrive(self, v: int, kept: set[int]) -> None:
        """Fetch v, which exists outside, and move it into a slot."""
        self._make_room(1 + self.reserve, kept)
        place = self.modulus_of[v]
        staging = self.fetches % self.shape.arrivals
        start = self._queue(
            Memory.FETCH, staging, place, self.outside[v], self.arrivals_free[staging]
        )
        beats = self.memory[-1][5]
        ended = self.channel.fetch(start * self.shape.banks, beats)
        self.fetches += 1
        slot = self.residents.take()
        there = -(-(ended + 1) // self.shape.banks)
        move = max(there, self.residents.writable[slot], self.arrive_free)
        self.moves.append((move, Move.ARRIVE, staging, slot, self.fetches))
        self.arrive_free = move + self.shape.beats
        self.arrivals_free[staging] = move
        self.residents.place(v, slot, move + self.shape.ready_beats(-1))

    def _depart(self, v: int, address: int, place: int) -> None:
        """Move v out of its slot, and write it to `address`."""
        number = len(self.written)
        staging, need = number % self.shape.departures, number - self.shape.departures + 1
        there = -(-(self.written[need - 1] + 1) // self.shape.banks) if need > 0 else 0
        move = max(self.residents.ready[v], self.depart_free, there)
        self.moves.append((move, Move.DEPART, staging, self.residents.slot_of[v], max(0, need)))
        self.depart_free = move + self.shape.beats
        self.residents.read(self.residents.slot_of[v], move)
        start = self._queue(Memory.WRITE, staging, place, address, move + 2)
        self.written.append(self.channel.write(start * self.shape.banks, self.memory[-1][5]))

    def _queue(self, opcode: Memory, staging: int, place: int, address: int, start: int) -> int:
        """Put a transfer into the memory queue, at the first beat from `start` on at which the
        engine's queue has room."""
        room = -(-(self.channel.queue_free + 1) // self.shape.banks)
        start = max(start, self.last_memory + 1, room)
        self.last_memory = start
        beats = self.shape.limb_beats(self.shape.moduli[place].bit_length())
        self.memory.append((start, opcode, staging, place, address, beats))
        return start
