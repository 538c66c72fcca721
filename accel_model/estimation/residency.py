"""On-chip memory: which limbs are resident, which are evicted, and the traffic that this costs.

Memory holds `slots` limbs. The program is static, so the limb whose next use is furthest away is
evicted first (Belady, IBM Systems Journal 1966). This rule has the fewest fetches; it does not
count that a computed limb is written back at its first eviction. New limbs take the slot that has
been free for longest, so that a load can start early (prefetch). With a reserve, limbs are evicted
before nothing is free: otherwise every new limb would wait for the slot that was emptied last, and
the steps would run one after another.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from accel_model.errors import MachineMismatchError
from accel_model.isa import NONE, Opcode, Program

MIN_SLOTS = 4
"""An instruction has up to three sources and a result."""

FETCH, SPILL = -1, -2
"""Steps that the program does not name: a limb is loaded again, or written out."""


@dataclass
class Residency:
    """The steps of a program in order: its instructions, and fetches and spills between them.

    instruction[s]: the index of an instruction, `FETCH` or `SPILL`. value[s]: the value that a
    fetch or spill moves, otherwise `NONE`. needs[s]: earlier steps that must end before step s
    starts. dropped: evictions without a write, because the limb exists outside.
    """

    instruction: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    needs: list[tuple[int, ...]] = field(default_factory=list)
    fetches: int = 0
    spills: int = 0
    dropped: int = 0
    peak_slots: int = 0


def allocate(program: Program, slots: int, reserve: int = 0) -> Residency:
    """Place every limb of the program in a memory of `slots` limbs.

    reserve: so many slots stay free while another limb can be evicted; at most `slots` less
    `MIN_SLOTS` are kept. Raises `MachineMismatchError` below `MIN_SLOTS`.
    """
    if slots < MIN_SLOTS:
        raise MachineMismatchError(
            f"on-chip memory holds {slots} limbs of the program: {MIN_SLOTS} are needed"
        )
    return _Allocator(program, slots, min(reserve, slots - MIN_SLOTS)).run()


class _Allocator:
    def __init__(self, program: Program, slots: int, reserve: int) -> None:
        rows = program.instructions
        self.sources = [
            tuple(dict.fromkeys(v for v in row if v != NONE)) for row in rows["sources"].tolist()
        ]
        self.destinations: list[int] = rows["destination"].tolist()
        self.loads: list[bool] = (rows["opcode"] == Opcode.LOAD).tolist()
        self.end = len(rows)
        self.uses: list[list[int]] = [[] for _ in range(program.values)]
        for index in range(self.end - 1, -1, -1):
            for v in self.sources[index]:
                self.uses[v].append(index)
        self.free = deque(range(slots))
        self.slots, self.reserve = slots, reserve
        self.slot_of: dict[int, int] = {}
        # Steps that used a slot since its limb came; the next limb comes when they have ended.
        self.touched: list[list[int]] = [[] for _ in range(slots)]
        self.maker: dict[int, int] = {}
        self.outside = [False] * program.values
        self.spill_step: dict[int, int] = {}
        self.furthest: list[tuple[int, int]] = []
        self.result = Residency()

    def run(self) -> Residency:
        for index in range(self.end):
            used = self.sources[index]
            pinned = set(used)
            for v in used:
                if v not in self.slot_of:
                    before = (self.spill_step[v],) if v in self.spill_step else ()
                    self._place(v, self._step(FETCH, v, before + self._take(pinned)))
                    self.result.fetches += 1
            destination = self.destinations[index]
            needs = tuple(self.maker[v] for v in used)
            if destination != NONE:
                needs += self._take(pinned)
            step = self._step(index, NONE, needs)
            for v in used:
                self.touched[self.slot_of[v]].append(step)
                self.uses[v].pop()
                self._settle(v)
            if destination != NONE:
                self.outside[destination] = self.loads[index]
                self._place(destination, step)
        return self.result

    def _step(self, instruction: int, value: int, needs: tuple[int, ...]) -> int:
        result = self.result
        result.instruction.append(instruction)
        result.value.append(value)
        result.needs.append(needs)
        return len(result.needs) - 1

    def _take(self, pinned: set[int]) -> tuple[int, ...]:
        """Make sure that a slot is free; returns the steps that must end before it is written."""
        while len(self.free) <= self.reserve and self._evict(pinned):
            pass
        return tuple(self.touched[self.free[0]])

    def _place(self, v: int, step: int) -> None:
        slot = self.free.popleft()
        self.slot_of[v], self.maker[v], self.touched[slot] = slot, step, [step]
        self.result.peak_slots = max(self.result.peak_slots, self.slots - len(self.free))
        self._settle(v)

    def _settle(self, v: int) -> None:
        """After a use: note the next use, or free the slot."""
        if self.uses[v]:
            heapq.heappush(self.furthest, (-self.uses[v][-1], v))
        else:
            self.free.append(self.slot_of.pop(v))

    def _evict(self, pinned: set[int]) -> bool:
        """Free the slot of the limb whose next use is furthest away; False where all are pinned."""
        held = []
        found = NONE
        while self.furthest and found == NONE:
            entry = heapq.heappop(self.furthest)
            next_use, v = -entry[0], entry[1]
            if v not in self.slot_of or not self.uses[v] or self.uses[v][-1] != next_use:
                continue
            if v in pinned:
                held.append(entry)
            else:
                found = v
        for entry in held:
            heapq.heappush(self.furthest, entry)
        if found == NONE:
            return False
        slot = self.slot_of.pop(found)
        if self.outside[found]:
            self.result.dropped += 1
        else:
            step = self._step(SPILL, found, (self.maker[found],))
            self.touched[slot].append(step)
            self.spill_step[found], self.outside[found] = step, True
            self.result.spills += 1
        self.free.append(slot)
        return True
