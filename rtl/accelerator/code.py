"""The fetch of instructions: three queues from memory, over an AXI4 port that only reads."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from rtl.accelerator.axi import INCREMENT, read_master
from rtl.accelerator.queues import INSTRUCTION_BITS, LAYOUTS
from rtl.parts.block import Block, Hardware, Ports

CODE_BITS = 128
CODE_BEATS = INSTRUCTION_BITS // CODE_BITS
QUEUE_DEPTH = 32
_BURST = 8
"""Instructions of a burst: 256 bytes, which lie in one page of 4096."""
_BURSTS_AHEAD = 16
ADDRESS_BITS = 64


@dataclass(frozen=True)
class CodeFetch(Block):
    """Keeps the queues filled from `start` on. `filled` says that every queue is as full as it can
    be."""

    @property
    def ports(self) -> Ports:
        """For each queue its first address and its instructions; `taken` marks an instruction that
        left it; `valid` marks the `instruction` that enters it."""
        queues: Ports = {}
        for name in LAYOUTS:
            queues |= {
                f"{name}_address": In(ADDRESS_BITS),
                f"{name}_count": In(32),
                f"{name}_taken": In(1),
                f"{name}_valid": Out(1),
            }
        return {
            "start": In(1),
            **queues,
            "instruction": Out(INSTRUCTION_BITS),
            "filled": Out(1),
            "failed": Out(1),
            "clear": In(1),
            **read_master("axi", ADDRESS_BITS, CODE_BITS),
        }

    def hardware(self) -> CodeFetchHardware:
        return CodeFetchHardware(self)


class CodeFetchHardware(Hardware[CodeFetch]):
    """The hardware of `CodeFetch`."""

    def logic(self) -> Module:
        m = Module()
        layout = StructLayout({"queue": 2, "count": _BURST.bit_length()})
        m.submodules.order = order = SyncFIFO(width=layout.size, depth=_BURSTS_AHEAD)
        addresses, lefts, sizes, wants = [], [], [], []
        for name in LAYOUTS:
            address = Signal(ADDRESS_BITS, name=f"next_{name}")
            left = Signal(32, name=f"{name}_to_fetch")
            held = Signal(range(QUEUE_DEPTH + 1), name=f"{name}_held")
            size = Mux(left < _BURST, left[: _BURST.bit_length()], _BURST)
            addresses.append(address)
            lefts.append(left)
            sizes.append(size)
            wants.append((left != 0) & (held + size <= QUEUE_DEPTH))
            asked = Signal(name=f"asks_{name}")
            number = len(wants) - 1
            earlier = Cat(*wants[:-1]).any() if number else 0
            m.d.comb += asked.eq(wants[-1] & ~earlier & self.axi_arvalid & self.axi_arready)
            taken = getattr(self, f"{name}_taken")
            m.d.sync += held.eq(held + Mux(asked, size, 0) - taken)
            with m.If(asked):
                step = _BURST * INSTRUCTION_BITS // 8
                m.d.sync += [address.eq(address + step), left.eq(left - size)]
            with m.If(self.start):
                m.d.sync += [
                    address.eq(getattr(self, f"{name}_address")),
                    left.eq(getattr(self, f"{name}_count")),
                    held.eq(0),
                ]
        chosen = Mux(wants[0], 0, Mux(wants[1], 1, 2))
        count = Array(sizes)[chosen]
        waits = Cat(*wants).any()
        m.d.comb += [
            self.axi_arvalid.eq(waits & order.w_rdy),
            self.axi_araddr.eq(Array(addresses)[chosen]),
            self.axi_arlen.eq((count * CODE_BEATS - 1)[:8]),
            self.axi_arsize.eq((CODE_BITS // 8).bit_length() - 1),
            self.axi_arburst.eq(INCREMENT),
            self.axi_rready.eq(1),
            order.w_en.eq(self.axi_arvalid & self.axi_arready),
            order.w_data.eq(Cat(chosen[:2], count)),
        ]
        burst = layout(order.r_data)
        half, odd = Signal(CODE_BITS, reset_less=True), Signal()
        arrived = Signal(range(_BURST + 1))
        complete = self.axi_rvalid & odd
        last = complete & (arrived + 1 == burst.count)
        m.d.comb += order.r_en.eq(last)
        with m.If(self.axi_rvalid):
            m.d.sync += [half.eq(self.axi_rdata), odd.eq(~odd)]
        with m.If(complete):
            m.d.sync += arrived.eq(Mux(last, 0, arrived + 1))
        m.d.comb += self.instruction.eq(Cat(half, self.axi_rdata))
        for number, name in enumerate(LAYOUTS):
            m.d.comb += getattr(self, f"{name}_valid").eq(complete & (burst.queue == number))
        m.d.comb += self.filled.eq(~waits & ~order.r_rdy)
        with m.If(self.axi_rvalid & self.axi_rresp[1]):
            m.d.sync += self.failed.eq(1)
        with m.If(self.clear):
            m.d.sync += self.failed.eq(0)
        return m
