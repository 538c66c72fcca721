"""The slots of the scratchpad: what is in them, and from which beat each can be written again."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

from accel_model.timed.steps import Step


class Residents:
    """The values in `slots` slots, and the uses that each has left.

    A free slot is taken in the order in which slots can be written. Where none is free, the value
    whose next use is furthest away leaves (Belady, IBM Systems Journal 1966).
    """

    def __init__(self, steps: Sequence[Step], slots: int) -> None:
        self.uses: defaultdict[int, list[int]] = defaultdict(list)
        for index in range(len(steps) - 1, -1, -1):
            for v in {v for v in steps[index].sources if v >= 0}:
                self.uses[v].append(index)
        self.slot_of: dict[int, int] = {}
        self.ready: dict[int, int] = {}
        self.writable = [0] * slots
        self._free = [(0, slot) for slot in range(slots)]
        self._furthest: list[tuple[int, int]] = []

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    def take(self) -> int:
        """A free slot, the first that can be written."""
        return heapq.heappop(self._free)[1]

    def place(self, v: int, slot: int, ready: int) -> None:
        """The value v is in `slot`, and can be read by steps that start at beat `ready`."""
        self.slot_of[v], self.ready[v] = slot, ready
        self._settle(v)

    def read(self, slot: int, start: int) -> None:
        """A step that starts at beat `start` reads `slot`."""
        self.writable[slot] = max(self.writable[slot], start)

    def used(self, v: int) -> None:
        """The next use of v is over: v leaves after its last one."""
        self.uses[v].pop()
        self._settle(v)

    def furthest(self, kept: set[int]) -> int | None:
        """The value that leaves if a slot is needed: none of `kept`; None if there is none."""
        held, found = [], None
        while self._furthest and found is None:
            entry = heapq.heappop(self._furthest)
            v = entry[1]
            if v not in self.slot_of or not self.uses[v] or self.uses[v][-1] != -entry[0]:
                continue
            held.append(entry)
            found = None if v in kept else v
        for entry in held:
            heapq.heappush(self._furthest, entry)
        return found

    def leave(self, v: int) -> None:
        """The slot of v is free."""
        slot = self.slot_of.pop(v)
        # A value that leaves before it is read must still be written first.
        self.writable[slot] = max(self.writable[slot], self.ready[v])
        heapq.heappush(self._free, (self.writable[slot], slot))

    def _settle(self, v: int) -> None:
        if self.uses[v]:
            heapq.heappush(self._furthest, (-self.uses[v][-1], v))
        else:
            self.leave(v)
