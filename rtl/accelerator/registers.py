"""The control and status registers of the machine, on AXI4-Lite.

| address | register | |
| --- | --- | --- |
| 0x00 | IDENTITY | `HEAC` |
| 0x04 | VERSION | of the binary that the machine runs |
| 0x08 | FINGERPRINT | of the machine, which is also that of its programs |
| 0x0C | CONTROL | write 1: start; write 2: clear done, errors and the interrupt |
| 0x10 | STATUS | bit 0 running, 1 done, 8 data error, 9 code error, 10 wrong program |
| 0x14, 0x18 | CYCLES | of the last run, low and high |
| 0x1C | STALLS | beats that were repeated |
| 0x20, 0x24 | DATA | address of the data |
| 0x28.. | MEMORY, MOVES, COMPUTE | of each queue: address low, address high, count |
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from rtl.accelerator.axi import lite_slave
from rtl.accelerator.queues import LAYOUTS
from rtl.parts.block import Block, Hardware, Ports

IDENTITY = int.from_bytes(b"HEAC", "little")
CONTROL, STATUS, CYCLES, STALLS, DATA, QUEUES = 0x0C, 0x10, 0x14, 0x1C, 0x20, 0x28
START, CLEAR = 1, 2
RUNNING, DONE, DATA_ERROR, CODE_ERROR, WRONG_PROGRAM = 1, 2, 1 << 8, 1 << 9, 1 << 10
ADDRESS_BITS = 7


@dataclass(frozen=True)
class Registers(Block):
    """The registers of a machine with this fingerprint."""

    fingerprint: int
    version: int

    @property
    def ports(self) -> Ports:
        """`start` and `clear` are high for a cycle. The status is that of the machine."""
        queues: Ports = {}
        for name in LAYOUTS:
            queues |= {f"{name}_address": Out(64), f"{name}_count": Out(32)}
        return {
            "start": Out(1),
            "clear": Out(1),
            "data_address": Out(64),
            **queues,
            "status": In(11),
            "cycles": In(64),
            "stalls": In(32),
            **lite_slave("axil", ADDRESS_BITS),
        }

    def hardware(self) -> RegistersHardware:
        return RegistersHardware(self)


class RegistersHardware(Hardware[Registers]):
    """The hardware of `Registers`: one write and one read at a time."""

    def logic(self) -> Module:
        m = Module()
        p = self.parameters
        written = [Signal(32, name=f"register_{place:02x}") for place in range(DATA, 0x4C, 4)]
        m.d.comb += self.data_address.eq(Cat(written[0], written[1]))
        for number, name in enumerate(LAYOUTS):
            low, high, count = written[2 + 3 * number : 5 + 3 * number]
            m.d.comb += [
                getattr(self, f"{name}_address").eq(Cat(low, high)),
                getattr(self, f"{name}_count").eq(count),
            ]
        both = self.axil_awvalid & self.axil_wvalid & ~self.axil_bvalid
        m.d.comb += [self.axil_awready.eq(both), self.axil_wready.eq(both)]
        m.d.sync += [self.start.eq(0), self.clear.eq(0)]
        idle = ~self.status[0]
        with m.If(both):
            m.d.sync += self.axil_bvalid.eq(1)
            with m.If(self.axil_awaddr == CONTROL):
                m.d.sync += [
                    self.start.eq(self.axil_wdata[0] & idle),
                    self.clear.eq(self.axil_wdata[1]),
                ]
            for number, register in enumerate(written):
                with m.If((self.axil_awaddr == DATA + 4 * number) & idle):
                    for byte in range(4):
                        part = slice(8 * byte, 8 * byte + 8)
                        with m.If(self.axil_wstrb[byte]):
                            m.d.sync += register[part].eq(self.axil_wdata[part])
        with m.Elif(self.axil_bready):
            m.d.sync += self.axil_bvalid.eq(0)

        readable = {
            0x00: IDENTITY, 0x04: p.version, 0x08: p.fingerprint, STATUS: self.status,
            CYCLES: self.cycles[:32], CYCLES + 4: self.cycles[32:], STALLS: self.stalls,
        } | {DATA + 4 * number: register for number, register in enumerate(written)}  # fmt: skip
        m.d.comb += self.axil_arready.eq(~self.axil_rvalid)
        with m.If(self.axil_arvalid & self.axil_arready):
            m.d.sync += self.axil_rvalid.eq(1)
            with m.Switch(self.axil_araddr):
                for address, value in readable.items():
                    with m.Case(address):
                        m.d.sync += self.axil_rdata.eq(value)
                with m.Default():
                    m.d.sync += self.axil_rdata.eq(0)
        with m.Elif(self.axil_rready):
            m.d.sync += self.axil_rvalid.eq(0)
        return m
