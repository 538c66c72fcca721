"""What the parts of the machine share while its hardware is described."""

from __future__ import annotations

from dataclasses import dataclass, field

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.fifo import SyncFIFO

from rtl.accelerator.parameters import AcceleratorParameters
from rtl.accelerator.queues import LAYOUTS, Station
from rtl.accelerator.scratchpad import Scratchpad
from rtl.parts.pipeline import Pipeline

_RESULTS_AHEAD = 16
"""Results of a unit that are on their way."""


@dataclass
class Frame:
    """The machine's module, its scratchpad and its beats.

    phase: the cycle of the beat; boundary: high in its last cycle; advance: high there if the next
    beat begins. wrong: markers of what no program for this machine makes happen.
    on_their_way: markers of results that are not in their slots yet.
    """

    m: Module
    parameters: AcceleratorParameters
    pipeline: Pipeline
    phase: Signal
    boundary: Value
    advance: Signal
    scratchpad: Scratchpad
    wrong: list[Value] = field(default_factory=list)
    on_their_way: list[Value] = field(default_factory=list)

    @property
    def slot_bits(self) -> int:
        """Bits of the number of a slot."""
        return max(1, (self.parameters.shape.slots - 1).bit_length())

    def station(self, name: str, queue: str) -> Station:
        """A station for the steps of a queue."""
        beats = self.parameters.shape.beats
        return Station.make(self.m, name, LAYOUTS[queue], beats, self.boundary, self.advance)

    def delay_rows(self, valid: Value, row: Value, cycles: int, name: str) -> tuple[Value, Value]:
        """A row and its marker, `cycles` cycles later."""
        marker = self.pipeline.delay_marker(valid, cycles, f"{name}_late_valid")
        return marker, self.pipeline.delay(row, cycles, f"{name}_late")

    def write_results(
        self, writer: int, name: str, begins: Value, target: Value, valid: Value, row: Value
    ) -> None:
        """Write results, which come a row a cycle, to the slots of their steps in order."""
        m, shape = self.m, self.parameters.shape
        phase = self.parameters.write_cycles[writer] % shape.banks
        port = self.scratchpad.write_port(phase, name)
        slots = SyncFIFO(width=self.slot_bits, depth=_RESULTS_AHEAD)
        m.submodules[f"{name}_slots"] = slots
        group = Signal(max(1, (shape.beats - 1).bit_length()), name=f"{name}_result_group")
        due = valid & (self.phase == phase)
        last = group == shape.beats - 1
        m.d.comb += [
            slots.w_en.eq(begins),
            slots.w_data.eq(target),
            slots.r_en.eq(due & last),
            port.enable.eq(valid),
            port.address.eq(Cat(group, slots.r_data) if shape.beats > 1 else slots.r_data),
            port.row.eq(row),
        ]
        with m.If(due):
            m.d.sync += group.eq(Mux(last, 0, group + 1))
        self.on_their_way.append(slots.r_rdy | valid)
        self.wrong.append((due & ~slots.r_rdy) | (begins & ~slots.w_rdy))
