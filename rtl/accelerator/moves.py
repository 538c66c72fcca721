"""Moves between the scratchpad and the memories of arrivals and departures, and transfers."""

from __future__ import annotations

from amaranth.hdl import Cat, Signal, Value

from accel_model.timed.program import Move
from rtl.accelerator.channel import ChannelHardware
from rtl.accelerator.frame import Frame
from rtl.accelerator.queues import LAYOUTS, InstructionQueue, Station
from rtl.parts.large_memory import LargeMemory


class Moves:
    """Adds the two memories and their moves to the machine's module."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self.parameters = frame, frame.parameters
        self.m, self.pipeline = frame.m, frame.pipeline

    def arrive(self, queue: InstructionQueue, channel: ChannelHardware) -> Station:
        """Limbs from the memory of arrivals to the scratchpad."""
        m, p, shape = self.m, self.parameters, self.parameters.shape
        station = self.frame.station("arrive", "moves")
        station.take(
            m, queue.leaves & (queue.head.opcode == int(Move.ARRIVE)), queue.head.as_value()
        )
        width = shape.lanes * shape.width
        memory = LargeMemory(m, "arrivals", width, max(2, shape.rows * shape.arrivals))
        memory.write(
            channel.arrival_enable,
            channel.arrival_address,
            channel.arrival_row,
        )
        group = (station.group,) if shape.beats > 1 else ()
        place = station.command.staging[: max(1, (shape.arrivals - 1).bit_length())]
        address = Cat(self.frame.phase, *group, *((place,) if shape.arrivals > 1 else ()))
        row = self.pipeline.register(memory.read(address), "arriving_row")
        valid = self.pipeline.delay_marker(station.active, 2, "arriving_valid")
        late = p.write_cycles[-1] - 2
        slot = station.pending_command.slot
        valid, row = self.frame.delay_rows(valid, row, late, "arrive")
        self.frame.write_results(len(shape.units), "arrive", station.begins, slot, valid, row)
        return station

    def depart(self, queue: InstructionQueue, channel: ChannelHardware) -> Station:
        """Limbs from the scratchpad to the memory of departures."""
        m, shape = self.m, self.parameters.shape
        station = self.frame.station("depart", "moves")
        station.take(
            m, queue.leaves & (queue.head.opcode == int(Move.DEPART)), queue.head.as_value()
        )
        phase = shape.read_phases[-1][0]
        port = self.frame.scratchpad.read_port(phase, "depart")
        m.d.comb += [
            port.enable.eq(station.active),
            port.address.eq(
                station.address(station.command.slot, shape.beats, self.frame.slot_bits)
            ),
        ]
        place_bits = (shape.departures - 1).bit_length()
        taken = Signal(max(1, place_bits), name="depart_place")
        with m.If(self.frame.phase == phase % shape.banks):
            m.d.sync += taken.eq(station.command.staging)
        place = self.pipeline.delay(taken, 2, "depart_place_with_row")
        row = Signal((shape.rows - 1).bit_length(), name="depart_row")
        with m.If(port.valid):
            m.d.sync += row.eq(row + 1)
        width = shape.lanes * shape.width
        memory = LargeMemory(m, "departures", width, max(2, shape.rows * shape.departures))
        memory.write(port.valid, Cat(row, *((place,) if place_bits else ())), port.row)
        word = memory.read(channel.departure_address)
        m.d.comb += channel.departure_row.eq(word)
        return station

    def transfers(self, queue: InstructionQueue, channel: ChannelHardware) -> tuple[Signal, Value]:
        """Transfers to the engine: whether one waits for its beat, and whether it finds no room."""
        m = self.m
        pending = Signal(name="transfer_pending")
        command = Signal(LAYOUTS["memory"], name="transfer", reset_less=True)
        begins = self.frame.advance & pending
        with m.If(queue.leaves):
            m.d.sync += [pending.eq(1), command.eq(queue.head)]
        with m.Elif(begins):
            m.d.sync += pending.eq(0)
        m.d.comb += [
            channel.offer.eq(begins),
            channel.command.eq(command),
        ]
        return pending, pending & ~channel.room
