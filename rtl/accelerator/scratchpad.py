"""The scratchpad: banks that the ports meet in turn, so that no two ports ever meet in one.

Bank b serves in cycle c the port whose phase is (c - b) mod banks. So an address that enters bank 0
moves on from bank to bank, a cycle each, with the rows of its port.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from amaranth.hdl import Module, Mux, Signal, Value

from rtl.parts.large_memory import LargeMemory
from rtl.parts.pipeline import Pipeline


@dataclass
class ReadPort:
    """`enable` and `address` are taken in the cycle of the port's phase. The rows, one a bank,
    follow three cycles later, while `valid` is high."""

    enable: Signal
    address: Signal
    row: Signal
    valid: Signal


@dataclass
class WritePort:
    """`enable` and `address` are taken in the cycle of the port's phase, `row` in this cycle and
    those that follow, one for each bank."""

    enable: Signal
    address: Signal
    row: Signal


@dataclass
class Scratchpad:
    """Adds `banks` memories of `depth` rows of `width` bits to a module.

    phase: counts the cycles of a beat.
    """

    m: Module
    pipeline: Pipeline
    phase: Signal
    banks: int
    depth: int
    width: int
    _reads: dict[int, ReadPort] = field(default_factory=dict)
    _writes: dict[int, WritePort] = field(default_factory=dict)

    def read_port(self, phase: int, name: str) -> ReadPort:
        """A new read port with a phase of its own."""
        port = ReadPort(
            Signal(name=f"read_{name}_enable"),
            Signal(range(self.depth), name=f"read_{name}_address"),
            Signal(self.width, name=f"read_{name}_row", reset_less=True),
            Signal(name=f"read_{name}_valid"),
        )
        self._reads[phase % self.banks] = port
        return port

    def write_port(self, phase: int, name: str) -> WritePort:
        """A new write port with a phase of its own."""
        port = WritePort(
            Signal(name=f"write_{name}_enable"),
            Signal(range(self.depth), name=f"write_{name}_address"),
            Signal(self.width, name=f"write_{name}_row"),
        )
        self._writes[phase % self.banks] = port
        return port

    def connect(self) -> None:
        """Connect the banks with the ports."""
        m, pipeline, banks = self.m, self.pipeline, self.banks
        address, _ = self._turn(self._reads)
        words = []
        write_address, write_enable = self._turn(self._writes)
        for bank in range(banks):
            address = pipeline.register(address, f"read_address_{bank}")
            write_address = pipeline.register(write_address, f"write_address_{bank}")
            write_enable = pipeline.delay_marker(write_enable, 1, f"write_enable_{bank}")
            data = Signal(self.width, name=f"write_data_{bank}", reset_less=True)
            m.d.sync += data.eq(self._write_row(bank))
            memory = LargeMemory(m, f"bank_{bank}", self.width, self.depth)
            memory.write(write_enable, write_address, data)
            words.append(memory.read(address))
        for phase, port in self._reads.items():
            opened = Signal(name=f"open_{phase}")
            with m.If(self.phase == phase):
                m.d.sync += opened.eq(port.enable)
            m.d.comb += port.valid.eq(pipeline.delay_marker(opened, 2, f"valid_{phase}"))
            with m.Switch((self.phase - phase - 2)[: len(self.phase)]):
                for bank, word in enumerate(words):
                    with m.Case(bank):
                        m.d.sync += port.row.eq(word)

    def _turn(self, ports: dict[int, ReadPort] | dict[int, WritePort]) -> tuple[Signal, Signal]:
        """The address and the enable of the port whose turn it is at bank 0."""
        kind = "read" if ports is self._reads else "write"
        address = Signal(range(self.depth), name=f"{kind}_turn_address")
        enable = Signal(name=f"{kind}_turn_enable")
        with self.m.Switch(self.phase):
            for phase, port in ports.items():
                with self.m.Case(phase):
                    self.m.d.comb += [address.eq(port.address), enable.eq(port.enable)]
        return address, enable

    def _write_row(self, bank: int) -> Value:
        """The row of the port that writes this bank."""
        row: Value = Signal(self.width, name=f"no_row_{bank}")
        turn = (self.phase - bank)[: len(self.phase)]
        for phase, port in self._writes.items():
            row = Mux(turn == phase, port.row, row)
        return row
