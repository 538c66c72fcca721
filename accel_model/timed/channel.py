"""When transfers of the memory queue end: the engine of the machine and the memory behind it.

The engine takes its transfers in order. It asks for a limb in bursts, one address a cycle, and may
ask for the next limb while data still come. A write begins when all fetches have ended, and the
engine goes on when memory has answered all of its bursts. Memory serves one beat a cycle, bursts in
order, each `latency_cycles` after its address at the earliest.
"""

from __future__ import annotations

from collections import deque

from accel_model.timed.shape import Channel

ENGINE_QUEUE = 4
"""Transfers that wait in front of the engine."""
FETCHES_AHEAD = 4
"""Fetches whose addresses are out, before the first of them has ended."""
FIRST_WRITE_CYCLES = 4
"""From the cycle in which the engine takes a write until its first data beat: the registers of the
command, of the row's marker, of the queue of rows, and of the bits to send."""
FETCHED_CYCLES = 4
"""From the last data beat of a fetch until the machine counts it as ended: the registers of the
beat, of the bits that arrived, of the last row's marker, and of the counter."""
WRITTEN_CYCLES = 2
"""From the last answer of a write until the machine counts it as ended: the registers of the open
answers and of the counter."""


class ChannelTimeline:
    """The transfers so far; times are cycles."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._free = 0
        self._address = -1
        self._last_beat = -1
        self._ends_of_bursts: deque[int] = deque(maxlen=channel.outstanding)
        self._fetched: deque[int] = deque([0], maxlen=FETCHES_AHEAD)
        self._taken: deque[int] = deque(maxlen=ENGINE_QUEUE)

    @property
    def queue_free(self) -> int:
        """The first cycle at whose end the next transfer can enter the engine's queue."""
        return self._taken[0] + 1 if len(self._taken) == ENGINE_QUEUE else 0

    def fetch(self, queued: int, beats: int) -> int:
        """A fetch that is at the engine from the cycle `queued` on; the cycle from which it counts
        as ended."""
        channel = self.channel
        ahead = self._fetched[0] if len(self._fetched) == FETCHES_AHEAD else 0
        taken = max(queued, self._free, ahead)
        self._taken.append(taken)
        address = taken
        for first in range(0, beats, channel.burst_beats):
            address = max(address + 1, self._address + 1)
            if len(self._ends_of_bursts) == channel.outstanding:
                address = max(address, self._ends_of_bursts[0] + 1)
            start = max(address + channel.latency_cycles, self._last_beat + 1)
            self._last_beat = start + min(channel.burst_beats, beats - first) - 1
            self._ends_of_bursts.append(self._last_beat)
            self._address = address
        self._free = address + 1
        self._fetched.append(self._last_beat + FETCHED_CYCLES)
        return self._fetched[-1]

    def write(self, queued: int, beats: int) -> int:
        """As `fetch`, for a write."""
        channel = self.channel
        taken = max(queued, self._free, self._fetched[-1])
        self._taken.append(taken)
        answer = beat = taken + FIRST_WRITE_CYCLES - 1
        for first in range(0, beats, channel.burst_beats):
            beat += min(channel.burst_beats, beats - first)
            answer = max(beat + channel.latency_cycles, answer + 1)
        self._free = answer + WRITTEN_CYCLES
        return self._free
