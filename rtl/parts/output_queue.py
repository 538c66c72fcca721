"""The last piece of a block with streams: a queue that its pipeline cannot overflow."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


@dataclass(frozen=True)
class OutputQueue:
    """A queue of `depth` beats. A place is claimed when a beat starts through the pipeline, so
    the pipeline behind never has to stop. Full rate needs a depth above the pipeline's latency."""

    layout: StructLayout
    depth: int

    def hardware(self) -> OutputQueueHardware:
        return OutputQueueHardware(self)


class OutputQueueHardware(wiring.Component):
    """See `OutputQueue`. `claim` only while there is `room`; `push` once for each claim."""

    def __init__(self, parameters: OutputQueue) -> None:
        self.parameters = parameters
        super().__init__(
            {
                "room": Out(1),
                "claim": In(1),
                "push": In(1),
                "beat": In(parameters.layout),
                "output": Out(stream.Signature(parameters.layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = self.parameters.depth
        m.submodules.beats = beats = Memory(shape=self.parameters.layout, depth=depth, init=[])
        write, read = beats.write_port(), beats.read_port(domain="comb")
        taken = self.output.valid & self.output.ready
        claimed, held = Signal(range(depth + 1)), Signal(range(depth + 1))
        m.d.sync += [claimed.eq(claimed + self.claim - taken), held.eq(held + self.push - taken)]
        # Every push has its claim: a write waits for nothing, however wide the memory.
        m.d.comb += [
            self.room.eq(claimed != depth),
            write.en.eq(self.push),
            write.data.eq(self.beat),
            self.output.valid.eq(held != 0),
            self.output.payload.eq(read.data),
        ]
        for address, moved in ((write.addr, self.push), (read.addr, taken)):
            with m.If(moved):
                m.d.sync += address.eq(_following(address, depth))
        return m


def _following(address: Value, depth: int) -> Value:
    """The place behind `address` in a ring of `depth`."""
    return Mux(address == depth - 1, 0, address + 1)
