"""The last piece of a block with streams: a queue that its pipeline cannot overflow."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFO
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
        m.submodules.queue = queue = SyncFIFO(width=self.parameters.layout.size, depth=depth)
        claimed = Signal(range(depth + 1))
        m.d.sync += claimed.eq(claimed + self.claim - (self.output.valid & self.output.ready))
        m.d.comb += [
            self.room.eq(claimed != depth),
            queue.w_en.eq(self.push),
            queue.w_data.eq(self.beat),
            self.output.valid.eq(queue.r_rdy),
            self.output.payload.as_value().eq(queue.r_data),
            queue.r_en.eq(self.output.ready),
        ]
        return m
