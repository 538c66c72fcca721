"""The last part of a unit with streams: a queue that the pipeline in front cannot overflow."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.parts.block import Block, Hardware, Ports


@dataclass(frozen=True)
class OutputQueue(Block):
    """A queue of `depth` beats.

    A beat claims its place when it enters the pipeline in front of the queue, so that this pipeline
    never has to stop. The full rate of a beat a cycle needs a depth above the pipeline's latency.
    """

    layout: StructLayout
    depth: int

    @property
    def ports(self) -> Ports:
        """`claim` a place (only while there is `room`), `push` a `beat` (once for each claim), and
        the stream `output`."""
        return {
            "room": Out(1),
            "claim": In(1),
            "push": In(1),
            "beat": In(self.layout),
            "output": Out(stream.Signature(self.layout)),
        }

    def hardware(self) -> OutputQueueHardware:
        return OutputQueueHardware(self)


class OutputQueueHardware(Hardware[OutputQueue]):
    """The hardware of `OutputQueue`: a ring of beats, with one count of claims and one of beats."""

    def logic(self) -> Module:
        m = Module()
        depth = self.parameters.depth
        m.submodules.beats = beats = Memory(shape=self.parameters.layout, depth=depth, init=[])
        write, read = beats.write_port(), beats.read_port(domain="comb")
        taken = self.output.valid & self.output.ready
        claimed, held = Signal(range(depth + 1)), Signal(range(depth + 1))
        m.d.sync += [claimed.eq(claimed + self.claim - taken), held.eq(held + self.push - taken)]
        # Every push has a claim, so that a write never waits.
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
    """The next address in a ring of `depth`."""
    return Mux(address == depth - 1, 0, address + 1)
