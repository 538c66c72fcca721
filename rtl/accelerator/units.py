"""The units of the machine between their ports of the scratchpad."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from accel_model.timed.program import Compute, Flag
from rtl.accelerator.frame import Frame
from rtl.accelerator.queues import LAYOUTS, InstructionQueue, Station
from rtl.accelerator.scratchpad import ReadPort
from rtl.units.pointwise import LimbOperation

_OPERATIONS = {
    Compute.MULTIPLY: LimbOperation.MULTIPLY,
    Compute.MULTIPLY_ADD: LimbOperation.MULTIPLY_ADD,
    Compute.ADD: LimbOperation.ADD,
    Compute.SUBTRACT: LimbOperation.SUBTRACT,
}


class Units:
    """Adds units to the machine's module."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self.parameters = frame, frame.parameters
        self.m, self.pipeline = frame.m, frame.pipeline

    def unit(self, number: int, queue: InstructionQueue) -> Station:
        """A unit, its station, its ports of the scratchpad."""
        m, p, shape = self.m, self.parameters, self.parameters.shape
        kind, name = shape.units[number], f"unit_{number}"
        station = self.frame.station(name, "compute")
        head = queue.head
        station.take(m, queue.leaves & (head.unit == number), head.as_value())
        ports = []
        for operand, phase in zip("abc", shape.read_phases[number], strict=False):
            port = self.frame.scratchpad.read_port(phase, f"{name}_{operand}")
            address = station.address(station.command[operand], shape.beats, self.frame.slot_bits)
            m.d.comb += [port.enable.eq(station.active), port.address.eq(address)]
            ports.append(port)
        # The command goes with its rows: it is taken with the last port's address.
        taken = Signal(LAYOUTS["compute"], name=f"{name}_taken", reset_less=True)
        with m.If(self.frame.phase == shape.read_phases[number][-1] % shape.banks):
            m.d.sync += taken.eq(station.command)
        command = LAYOUTS["compute"](self.pipeline.delay(taken.as_value(), 2, f"{name}_with_rows"))
        make = {
            "ntt": self._ntt, "pointwise": self._pointwise,
            "automorphism": self._automorphism, "count": self._count,
        }[kind]  # fmt: skip
        valid, row, leaves = make(name, ports, command)
        ends = station.begins
        if kind == "count":
            ends = ends & ((station.pending_command.flags & int(Flag.LAST)) != 0)
        natural = p.first_row_cycles(number) + shape.latency_cycles(kind)
        late = p.write_cycles[number] - natural
        valid, row = self.frame.delay_rows(valid, row, late, name)
        self.frame.write_results(number, name, ends, station.pending_command.target, valid, row)
        self.frame.wrong.append(leaves)
        return station

    def _ntt(self, name: str, ports: list[ReadPort], command: Value) -> tuple[Value, Value, Value]:
        unit = self.parameters.ntt.hardware()
        self.m.submodules[name] = unit
        beat = unit.input.payload
        self.m.d.comb += [
            unit.input.valid.eq(ports[0].valid),
            beat.data.as_value().eq(ports[0].row),
            beat.modulus.eq(command.modulus),
            beat.inverse.eq(command.opcode == Compute.INTT),
            unit.output.ready.eq(1),
        ]
        refuses = ports[0].valid & ~unit.input.ready
        return unit.output.valid, unit.output.payload.data.as_value(), refuses

    def _automorphism(
        self, name: str, ports: list[ReadPort], command: Value
    ) -> tuple[Value, Value, Value]:
        unit = self.parameters.automorphism.hardware()
        self.m.submodules[name] = unit
        beat = unit.input.payload
        self.m.d.comb += [
            unit.input.valid.eq(ports[0].valid),
            beat.data.as_value().eq(ports[0].row),
            beat.modulus.eq(command.modulus),
            beat.multiplier.eq(command.scalar),
            beat.transformed.eq(1),
            unit.output.ready.eq(1),
        ]
        refuses = ports[0].valid & ~unit.input.ready
        return unit.output.valid, unit.output.payload.data.as_value(), refuses

    def _pointwise(
        self, name: str, ports: list[ReadPort], command: Value
    ) -> tuple[Value, Value, Value]:
        m, shape = self.m, self.parameters.shape
        unit = self.parameters.pointwise.hardware()
        m.submodules[name] = unit
        beat = unit.input.payload
        rows = [
            self.pipeline.delay(port.row, 2 - late, f"{name}_{operand}_row")
            for late, (operand, port) in enumerate(zip("abc", ports, strict=True))
        ]
        scalar = Cat(*[command.scalar[: shape.width]] * shape.lanes)
        addend = Cat(*[command.addend[: shape.width]] * shape.lanes)
        flags = command.flags
        with m.Switch(command.opcode):
            for opcode, operation in _OPERATIONS.items():
                with m.Case(int(opcode)):
                    m.d.comb += beat.operation.eq(operation)
        m.d.comb += [
            unit.input.valid.eq(ports[2].valid),
            beat.a.as_value().eq(Mux((flags & int(Flag.ZERO_A)) != 0, 0, rows[0])),
            beat.b.as_value().eq(Mux((flags & int(Flag.SCALAR_B)) != 0, scalar, rows[1])),
            beat.c.as_value().eq(Mux((flags & int(Flag.SCALAR_C)) != 0, addend, rows[2])),
            beat.modulus.eq(command.modulus),
            unit.output.ready.eq(1),
        ]
        refuses = ports[2].valid & ~unit.input.ready
        return unit.output.valid, unit.output.payload.data.as_value(), refuses

    def _count(
        self, name: str, ports: list[ReadPort], command: Value
    ) -> tuple[Value, Value, Value]:
        unit = self.parameters.count.hardware()
        self.m.submodules[name] = unit
        self.m.d.comb += [
            unit.valid.eq(ports[0].valid),
            unit.data.as_value().eq(ports[0].row),
            unit.modulus.eq(command.modulus),
            unit.first.eq((command.flags & int(Flag.FIRST)) != 0),
            unit.last.eq((command.flags & int(Flag.LAST)) != 0),
        ]
        return unit.done, unit.counts.as_value(), Const(0)
